"""The errors that users see."""


class InputError(Exception):
    """Something the user gave is missing or wrong.

    The message is one sentence or two: it names the file or key, says what is wrong and what to do. Command lines print it without
    a traceback and exit with code 2.
    """


class ClipError(InputError):
    """One clip is bad, whatever the other clips, the machine and the rest of the settings are like: its video or maps are damaged or do
    not fit, its window is too short, nobody is on it. A stage may put such a clip into quarantine and go on."""
