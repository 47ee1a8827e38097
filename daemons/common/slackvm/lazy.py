"""Packages that import a module only when one of its names is first used."""

from collections.abc import Callable, Mapping
from importlib import import_module


def names_from(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """Return the `__getattr__` of a package (PEP 562) that imports names from its modules.

    A type checker sees names that were really imported only: put this behind
    `if not TYPE_CHECKING`, beside the imports.

    Args:
        package: the package's name.
        modules: the names that each of its modules gives to the package, with spaces between them.
    """
    module_of = {name: module for module, names in modules.items() for name in names.split()}

    def get(name: str) -> object:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    return get
