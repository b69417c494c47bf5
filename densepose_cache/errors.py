"""The one error that users see."""


class InputError(Exception):
    """Something the user gave is missing or wrong.

    The message is one sentence or two: it names the file or key, says what is wrong and what to do. Command lines print it without
    a traceback and exit with code 2.
    """
