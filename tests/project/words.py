"""Phrases that hide the meaning of a text, each with what to write instead."""

import re

# The phrase, and what to write instead. Phrases are found in any case, as whole words.
_PHRASES = {
    r"told": "reported, shown, logged, identified by; or name who says it",
    r"heard": "reported, received, replied",
    r"shall": "must, or will",
    r"anew": "again, from scratch",
    r"somebody|someone|somebody else": "another user, an administrator, other software",
    r"anybody": "any user, everyone",
    r"(?:is|are|was|were) (?-i:none)": "does not exist, is missing, is invalid; or 'there is no X'",
    r"(?:is|are|was|were) not known": "is unknown",
    r"(?:is|are|was|were) no more": "no longer exists, no longer does",
    r"otherwise than": "differs from, other than",
    r"of (?:ours|theirs|yours)": "SlackVM's, managed; or name the owner",
    r"who may ask": "authentication",
    r"who(?:ever)? (?:asks|asked)": "the client",
    r"what Prometheus": "metrics",
    r"lets? an? \w+ be": "name the action: add, cordon, ...",
    r"let to be": "name the action",
    r"signs? of life": "heartbeat, keepalive",
    r"at (?:more )?leisure": "less often",
    r"as good as none": "name what happens",
    r"withheld": "reserved for unmanaged VMs",
    r"withholds?": "reserves for unmanaged VMs",
    r"unplaced": "unaccommodated",
    r"astray": "mispinned",
    r"hopeful|despair": "transient, permanent",
    r"brought about": "caused, made",
    r"whence|thereof|lest|thereby": "a word of today",
    r"yet to come": "expected, later",
    r"what is asked for": "name it",
    r"come to be|came to be": "is created, happens",
    r"is not what it was": "name what changed",
}
# Names that the code had before; standard terms replace them.
_NAMES = {
    "Keeper": "HostAgent",
    "Member": "HostRecord",
    "Settler": "ReservationRecovery",
    "Findings": "Drift",
    "Turns": "OperationLock",
    "Outcomes": "OperationCounters",
    "Conversation": "LibvirtOperation",
    "Maker": "DomainLifecycle",
    "PatientAdapter": "TotalTimeoutAdapter",
    "LostError": "OutcomeUnknownError",
    "NotReachedError": "ConnectError",
    "StoredOrder": "StoredReservation",
    "Occupancy": "Utilization",
    "known_as": "name",
    "heard_at": "last_seen",
    "patience_s": "timeout_s",
    "most_hopeful": "most_transient",
}
PHRASES = [(re.compile(rf"\b(?:{old})\b", re.IGNORECASE), new) for old, new in _PHRASES.items()]
NAMES = [(re.compile(rf"\b{old}\b"), new) for old, new in _NAMES.items()]
# A fact or variable of Ansible that says that something happened, not what it holds.
FACTS = [(re.compile(r"\b\w+_(?:told|heard|seen|known|again)\b"), "a name of what it holds")]
# A function or class with such a word in its name.
DEFINITIONS = [
    (re.compile(r"(?:^|_)(?:told|heard|anew|shall|somebody)(?:_|$)"), "a name of what it does")
]

Words = list[tuple[re.Pattern[str], str]]
