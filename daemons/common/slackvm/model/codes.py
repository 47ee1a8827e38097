"""Error codes: every reason that a daemon gives for an error, as one table."""

from enum import IntEnum, StrEnum
from typing import Self


class Permanence(IntEnum):
    """What must change before the reason passes, the most likely change first."""

    CAPACITY = 0
    """Less is in use."""
    HOST_STATE = 1
    """A host recovers, or its operator changes its state."""
    NAME = 2
    """The VM in the way is removed."""
    LABELS = 3
    """A host gets other labels, or a host with them is added."""
    LEVEL = 4
    """A host offers another level."""
    SIZE = 5
    """A larger host is added."""
    REQUEST = 6
    """The request is changed."""


_CAPACITY, _STATE, _NAME, _LABELS, _LEVEL, _SIZE, _REQUEST = Permanence


class Code(StrEnum):
    """An error code.

    A peer of another release may send a code that is not in this table. It is kept as text, and
    its HTTP status says what to do (`Code.parse`).

    Attributes:
        status: HTTP status of the answer.
        permanence: what must change before the reason passes.
        text: what it means.
        field: field of the request that is at fault; None: no single one.
    """

    status: int
    permanence: Permanence
    text: str
    field: str | None

    def __new__(
        cls, word: str, status: int, permanence: Permanence, text: str, field: str | None = None
    ) -> Self:
        """Make one row of the table."""
        code = str.__new__(cls, word)
        code._value_ = word
        code.status = status
        code.permanence = permanence
        code.text = text
        code.field = field
        return code

    # A host has no room, or does not take the VM.
    NO_CPU = "no_cpu", 409, _CAPACITY, "too few free CPUs"
    NO_MEMORY = "no_memory", 409, _CAPACITY, "too little free memory"
    TOO_LARGE = "too_large", 409, _SIZE, "the VM is larger than the host"
    OVERCOMMITTED = "overcommitted", 409, _STATE, "the VMs on the host need more than it has"
    CORDONED = "cordoned", 409, _STATE, "the host is cordoned"
    NOT_READY = "not_ready", 503, _STATE, "the host is not ready"
    HOST_UNREACHABLE = "host_unreachable", 503, _STATE, "the host does not answer"
    HOST_OUTDATED = "host_outdated", 503, _STATE, "the host's release cannot do this; upgrade it"
    NAME_TAKEN = "name_taken", 409, _NAME, "a VM of this name exists", "name"
    LABELS_NOT_MATCHED = (
        *("labels_not_matched", 409, _LABELS, "the host does not have the required labels"),
        "require",
    )
    EXCLUDED_BY_POLICY = (
        *("excluded_by_policy", 409, _STATE, "the placement policy does not use the host"),
    )
    LEVEL_NOT_OFFERED = (
        *("level_not_offered", 409, _LEVEL, "the host does not offer this level"),
        "level",
    )
    AFFINITY = (
        *("affinity", 409, _CAPACITY, "the host has a VM of the same anti-affinity group"),
        "anti_affinity",
    )
    NOT_REQUESTED = "not_requested", 409, _REQUEST, "the request is for another host", "host"
    HOST_FENCED = (
        *("host_fenced", 409, _STATE, "the host was evacuated and has not given up its VMs yet"),
    )
    HOST_BUSY = "host_busy", 503, _CAPACITY, "too many operations on this host at once; try again"
    VM_LOST = "vm_lost", 409, _NAME, "a VM of this name is lost; rebuild it, or let it go", "name"
    QUOTA_EXCEEDED = "quota_exceeded", 409, _CAPACITY, "the token's quota is used up"
    OTHER_CONTROLLER = "other_controller", 409, _STATE, "the host obeys another controller"
    HOST_ANSWERS = (
        "host_answers",
        409,
        _STATE,
        "the host answers, so it is not off",
    )
    HOST_EXISTS = (
        *("host_exists", 409, _REQUEST, "a host of this name or address is in the cluster"),
        "url",
    )
    OTHER_HOST = "other_host", 409, _REQUEST, "another host answers at this address", "url"
    INSECURE = (
        *("insecure", 409, _REQUEST, "http would replace https, and `insecure` is not set"),
        "url",
    )
    CANCELLED = "cancelled", 409, _STATE, "the request was cancelled before it arrived"

    # What the request names does not exist.
    VM_NOT_FOUND = "vm_not_found", 404, _REQUEST, "no VM of this name exists"
    HOST_NOT_FOUND = "host_not_found", 404, _REQUEST, "no host of this name is in the cluster"
    POLICY_NOT_FOUND = (
        *("policy_not_found", 404, _REQUEST, "no policy of this name is installed"),
        "policy",
    )
    NOT_FOUND = "not_found", 404, _REQUEST, "the path does not exist"

    # The image.
    IMAGE_NOT_FOUND = "image_not_found", 400, _REQUEST, "the image does not exist", "image"
    IMAGE_OUTSIDE = (
        *("image_outside", 400, _REQUEST, "the image is outside the host's image directories"),
        "image",
    )
    IMAGE_INVALID = "image_invalid", 400, _REQUEST, "the image cannot be used", "image"
    IMAGE_IN_USE = "image_in_use", 409, _NAME, "another VM uses the image", "image"

    # A part of the system fails or does not answer.
    NO_ANSWER = "no_answer", 504, _STATE, "the hypervisor gave no answer; the outcome is unknown"
    OUTCOME_UNKNOWN = (
        *("outcome_unknown", 503, _STATE),
        "the host gave no usable answer; whether it did the operation is unknown",
    )
    HYPERVISOR_FAILED = "hypervisor_failed", 503, _STATE, "the hypervisor reports an error"
    HOST_ERROR = "host_error", 503, _STATE, "the host sent an error without a valid code"
    STORAGE_FULL = "storage_full", 503, _STATE, "the disk is full"
    STORAGE_FAILED = "storage_failed", 503, _STATE, "the disk cannot be written"
    OVERLOADED = "overloaded", 503, _CAPACITY, "too many requests at once; try again"
    INTERNAL = "internal", 500, _STATE, "an error inside the daemon; see its log"
    POLICY_FAILED = "policy_failed", 500, _STATE, "the placement policy fails"

    # The request.
    HAS_VMS = "has_vms", 409, _REQUEST, "the host has VMs, and `force` is not set"
    TOO_MUCH = "too_much", 409, _REQUEST, "more VMs fit than the controller counts", "mix"
    MALFORMED = "malformed", 400, _REQUEST, "the request is malformed"
    INVALID = "invalid", 400, _REQUEST, "a value is not allowed; `field` names it"
    UNAUTHORIZED = "unauthorized", 401, _REQUEST, "a valid token is missing"
    FORBIDDEN = "forbidden", 403, _REQUEST, "this token or the site of this page may not do this"
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, _REQUEST, "the path has no such method"
    LENGTH_REQUIRED = "length_required", 411, _REQUEST, "the header `Content-Length` is missing"
    BODY_TOO_LARGE = "body_too_large", 413, _REQUEST, "the body is too large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", 415, _REQUEST, "the body is not JSON"
    HEADERS_TOO_LARGE = "headers_too_large", 431, _REQUEST, "the headers are too large"

    @property
    def is_same_on_every_host(self) -> bool:
        """Whether another host would refuse too, so that none is asked."""
        # Hosts share the storage that images are on.
        return self.status == 400 or self is Code.IMAGE_IN_USE

    @classmethod
    def parse(cls, text: str) -> "Code | None":
        """Return the code of this word; None: this release does not know it."""
        return _KNOWN.get(text)


_KNOWN = {code.value: code for code in Code}

_FORMER = {
    "unknown": frozenset(
        {
            *(Code.VM_NOT_FOUND, Code.HOST_NOT_FOUND, Code.POLICY_NOT_FOUND),
            *(Code.HOST_UNREACHABLE, Code.OUTCOME_UNKNOWN),
        }
    ),
    "withdrawn": frozenset({Code.CANCELLED}),
}
"""Words that release 0.1.0 wrote into its operations logs, and what they mean."""


def is_code(logged: str | None, code: str | None) -> bool:
    """Return whether a code in an operations log, of this release or of 0.1.0, means `code`."""
    return logged == code or (logged is not None and code in _FORMER.get(logged, ()))
