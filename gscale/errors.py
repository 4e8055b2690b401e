"""The one error a user can cause, and the messages of others."""


class InputError(ValueError):
    """An input that cannot be used: the message names the value, the limit and what to do.

    The command line prints the message alone and exits with code 2.
    """


def one_line(error: Exception) -> str:
    """The message of another library's error on one line, of at most 200 characters."""
    return " ".join(str(error).split())[:200]
