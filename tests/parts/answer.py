#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Somebody at a terminal of 80 columns, who answers what a program asks.

answer.py TRANSCRIPT COMMAND...    standard input: lines "PART OF THE QUESTION<TAB>ANSWER", in order. An answer may be ^C or ^D.
Exits as the command does; with 99 when a question does not come within 20 s, or another one does, and when nothing is heard of it for
60 s after the last.
"""
import errno
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time


def read(fd, seconds):
    """What comes within that time; None at the end."""
    if not select.select([fd], [], [], seconds)[0]:
        return b""
    try:
        return os.read(fd, 65536) or None
    except OSError as e:
        if e.errno == errno.EIO:
            return None
        raise


def main():
    transcript = open(sys.argv[1], "wb")
    script = [line.rstrip("\n").split("\t") for line in sys.stdin if line.strip()]
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "dumb"
        os.execvp(sys.argv[2], sys.argv[2:])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    seen = b""
    for question, answer in script:
        end = time.monotonic() + 20
        while question.encode() not in seen:
            more = read(fd, 0.5)
            if more is None or time.monotonic() > end:
                sys.stderr.write("never asked: %s\nafter: %s\n" % (question, seen.decode(errors="replace")))
                os.close(fd)
                os.waitpid(pid, 0)
                sys.exit(99)
            seen += more
            transcript.write(more)
        seen = seen[seen.index(question.encode()) + len(question.encode()):]
        os.write(fd, {"^C": b"\x03", "^D": b"\x04"}.get(answer, answer.encode() + b"\n"))
    while (more := read(fd, 60)) is not None:
        transcript.write(more)
        if not more:
            sys.stderr.write("it waits for something: %s\n" % seen.decode(errors="replace"))
            sys.exit(99)
        seen += more
    transcript.close()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) % 256)


main()
