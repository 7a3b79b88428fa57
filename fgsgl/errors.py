"""The one exception that a user is meant to see."""


class UserError(Exception):
    """Something the user can mend: says what came, what was expected, where, and what to do.

    Every command line turns it into one line on stderr and exit code 2.
    """


def nearest(name: str, valid: list[str] | tuple[str, ...]) -> str:
    """The valid names closest to ``name``, for the end of an error message; all of them when nothing is close."""
    import difflib

    close = difflib.get_close_matches(name, valid, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"valid: {', '.join(valid)}"
