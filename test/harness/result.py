"""What one test came to, and how commands are run for it."""
import dataclasses
import signal
import subprocess


@dataclasses.dataclass
class Result:
    """`status` is pass, fail or skip; fail and skip carry a message, fail a way to run it again."""
    name: str
    status: str
    message: str = ""
    rerun: str = ""


@dataclasses.dataclass
class Done:
    """A finished command: exit code (None after a time-out), what it printed."""
    code: int
    stdout: str
    stderr: str
    limit: float = 0

    @property
    def output(self):
        return self.stdout + self.stderr

    @property
    def ending(self):
        if self.code is None:
            return f"no end within {self.limit:.0f} s"
        if self.code < 0:
            return f"signal {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"


def run_command(command, timeout, env=None, cwd=None):
    """Runs it without a terminal or stdin. A command that is missing ends with code 127."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              env=env, cwd=cwd)
        return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
    except subprocess.TimeoutExpired as late:
        text = [(part or b"").decode(errors="replace") for part in (late.stdout, late.stderr)]
        return Done(None, *text, timeout)
    except OSError as error:
        return Done(127, "", f"{command[0]}: {error.strerror}\n")


def tail(text, lines=40):
    """The last lines: a failure's cause is near its end."""
    kept = text.rstrip().splitlines()
    if len(kept) <= lines:
        return "\n".join(kept)
    return f"… {len(kept) - lines} lines before\n" + "\n".join(kept[-lines:])
