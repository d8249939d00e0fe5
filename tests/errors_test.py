"""How a command ends."""

import errno
import signal
import subprocess
import sys

import pytest

from keras_bigs import errors

pytestmark = pytest.mark.without_backend


def ended(raised, *arguments):
    """What the process ends with when a command raises."""

    def main(_):
        raise raised

    with pytest.raises(SystemExit) as exit:
        errors.run(main, list(arguments))
    return exit.value.code


def test_errors_of_the_user_are_one_line():
    assert ended(errors.DataError("a.tsv: line 3: no label.")) == (
        "error: a.tsv: line 3: no label."
    )


@pytest.mark.parametrize(
    "raised", [ValueError("why"), ImportError("why"), OSError(errno.ENOSPC, "why")]
)
def test_other_errors_say_how_to_learn_more(raised):
    assert ended(raised) == f"error: {raised} (--debug shows where it was raised)"


def test_debug_keeps_the_traceback():
    def main(arguments):
        assert arguments == ["--steps", "3"]
        raise errors.ConfigError("why")

    with pytest.raises(errors.ConfigError, match="why"):
        errors.run(main, ["--steps", "--debug", "3"])


def test_faults_of_the_program_are_not_hidden():
    with pytest.raises(KeyError):
        errors.run(lambda arguments: {}["missing"], [])


def test_the_exit_code_tells_a_scheduler_that_the_work_is_not_done(capsys):
    preempted = errors.PreemptedError("Ended after step 3.", signal.SIGTERM)
    assert ended(preempted) == 128 + signal.SIGTERM
    assert capsys.readouterr().out == "Ended after step 3.\n"
    assert ended(KeyboardInterrupt()) == 128 + signal.SIGINT


def test_whoever_reads_the_output_may_stop():
    """As `head` does; but what was to come is not done."""
    program = (
        "from keras_bigs import errors\n"
        "errors.run(lambda arguments: [print('x' * 99) for _ in range(9999)], [])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.read(5)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 128 + signal.SIGPIPE


def test_the_family_can_be_caught_as_what_it_was_before():
    assert issubclass(errors.DataError, ValueError)
    assert issubclass(errors.CheckpointError, ValueError)
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.CheckpointWriteError, OSError)
    assert issubclass(errors.TrainingDivergedError, RuntimeError)
