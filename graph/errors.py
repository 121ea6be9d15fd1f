"""Every error that Kith raises on purpose.

::

    KithError
    ├── Invalid            the caller's input is wrong           HTTP 422   exit 2
    │   └── UnknownSetting a setting that does not exist         HTTP 422   exit 2
    ├── Refused            a whole file cannot be loaded         HTTP 422   exit 1
    ├── NotFound           nothing has this id                   HTTP 404   exit 1
    ├── Conflict           contradicts what is already stored    HTTP 409   exit 1
    ├── NotAllowed         the caller's key lacks the scope      HTTP 403   exit 1
    │   └── KeyMissing     no key, or one that is not known      HTTP 401   exit 1
    ├── TooLarge           the request is above a stated limit   HTTP 413   exit 1
    ├── NotReady           no model has been published yet       HTTP 503   exit 75
    ├── Unavailable        the store cannot be reached or is full HTTP 503  exit 75
    └── Damaged            stored bytes differ from their sum    HTTP 500   exit 1

The message of each says what was wrong, where, and what to do next. ``api/problems.py`` maps the tree to HTTP, ``engine/cli.py`` to
exit codes; a test walks the tree and fails for a class that either of them does not know.
"""


class KithError(Exception):
    """Base of every deliberate error."""


class Invalid(KithError):
    """The caller's input is wrong; ``field`` names the part, where there is one."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class UnknownSetting(Invalid):
    """A setting that does not exist; the message names the nearest one that does."""


class Refused(KithError):
    """A whole file cannot be loaded."""


class NotFound(KithError):
    """Nothing has this id."""


class Conflict(KithError):
    """The request contradicts what is already stored."""


class NotAllowed(KithError):
    """The caller's key lacks the scope."""


class KeyMissing(NotAllowed):
    """No key was sent, or one that is not known."""


class TooLarge(KithError):
    """The request is above a stated limit."""


class NotReady(KithError):
    """No model has been published yet."""


class Unavailable(KithError):
    """The store cannot be reached, is locked, or its disk is full."""


class Damaged(KithError):
    """Stored bytes differ from the checksum written beside them."""
