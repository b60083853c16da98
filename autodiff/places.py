"""Where in the user's program something happens: files and lines, the package's own left out."""

import linecache
import os
import sys
import warnings

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def user_frames(limit=30):
    """(file, line) of the frames that are not the package's, innermost first, at most `limit`."""
    frame, found = sys._getframe(1), []
    while frame is not None and len(found) < limit:
        name = frame.f_code.co_filename
        if not name.startswith(_HERE) and not name.startswith("autodiff/"):     # (the second: the core's own)
            found.append((name, frame.f_lineno))
        frame = frame.f_back
    return found


def user_place():
    """The innermost of them as "file:line", or ""."""
    found = user_frames(1)
    return f"{found[0][0]}:{found[0][1]}" if found else ""


def user_call():
    """That place, and a number that tells the calls on its line apart."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((_HERE, "autodiff/")):
        frame = frame.f_back
    return user_place(), None if frame is None else frame.f_lasti


def warn(text, kind):
    """A warning of the line of the user's program that this comes from."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_HERE, "autodiff/")):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, kind, stacklevel=level)


def source_at(place):
    """The text of a line "file:line", or ""."""
    name, _, line = place.rpartition(":")
    return linecache.getline(name, int(line)).strip() if line.isdigit() else ""


def shortened(path, length):
    """The end of a path."""
    return path if len(path) <= length else "..." + path[-length:]
