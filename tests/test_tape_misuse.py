"""What a tape says where it is misused, and why a gradient is None."""

import subprocess
import sys
import weakref

import numpy as np
import pytest

import autodiff as ad


def test_a_second_gradient_of_a_tape_that_is_not_persistent():
    x = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(RuntimeError) as info:
        tape.gradient(y, x)
    assert str(info.value) == ("A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians); "
                               "make it GradientTape(persistent=True) to ask again")  # fmt: skip


@pytest.mark.parametrize("arguments, named, text", [((), {"persistant": True}, "got an unexpected keyword argument 'persistant'"),
                                                    ((True,), {"persistent": True}, "got multiple values for keyword argument 'persistent'"),
                                                    ((True,) * 5, {}, "takes at most 4 positional arguments (5 given)")])  # fmt: skip
def test_arguments_that_no_tape_takes(arguments, named, text):
    class Tape(ad.GradientTape):
        pass

    for kind in (ad.GradientTape, Tape):
        with pytest.raises(TypeError) as info:
            kind(*arguments, **named)
        assert str(info.value) == f"GradientTape: {text}; it takes persistent, watch_accessed_variables, precise and stabilize"


def test_a_tape_never_entered():
    with pytest.raises(RuntimeError) as info:
        ad.GradientTape().gradient(ad.constant(1.0), ad.constant(1.0))
    assert str(info.value) == ("A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians): "
                               "this one recorded nothing; compute inside `with GradientTape() as tape:` first")  # fmt: skip
    with pytest.raises(RuntimeError, match="^Trying to stop recording a tape which is not recording.$"):
        with ad.GradientTape().stop_recording():
            pass


def test_entering_twice_stopping_and_resetting_when_not_recording():
    with ad.GradientTape() as tape:
        with pytest.raises(ValueError, match="Tape is still recording, This can happen if you try to re-enter an already-active"):
            tape.__enter__()
    for use in (tape.reset, tape.stop_recording):
        with pytest.raises(ValueError, match="^Tape is not recording.$"):
            use()


def test_targets_and_sources_that_are_no_tensors():
    x = ad.Variable(3.0)
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
    with pytest.raises(TypeError, match="Argument `target` should be a list or nested structure of Tensors"):
        tape.gradient(None, x)
    with pytest.raises(TypeError, match="sources is None"):
        tape.gradient(y, None)
    with pytest.raises(TypeError) as info:
        tape.gradient(9.0, x)
    assert str(info.value) == "gradient: target holds 9.0 of type 'float', expected tensors or variables"
    with pytest.raises(TypeError) as info:
        tape.gradient(y, [x, np.float64(2.0)])
    assert str(info.value) == (f"gradient: sources holds {np.float64(2.0)!r} of type 'float64', expected tensors or variables; make it a "
                               "Variable, or a constant that the tape watches, before computing")  # fmt: skip
    assert float(tape.gradient(y, x)) == 6.0


@pytest.mark.parametrize("ask, text", [
    (lambda tape, x, y: tape.value(3.0), "value: target holds 3.0 of type 'float', expected tensors or variables"),
    (lambda tape, x, y: tape.value([y, "a"]), "value: target holds 'a' of type 'str', expected tensors or variables"),
    (lambda tape, x, y: tape.value(None), "value: Argument `target` should be a list or nested structure of Tensors or Variables, but received None."),
    (lambda tape, x, y: tape.jacobian(3.0, x), "jacobian: target holds 3.0 of type 'float', expected tensors or variables"),
    (lambda tape, x, y: tape.jacobian(y, [x, 2.0]), "jacobian: sources holds 2.0 of type 'float', expected tensors or variables; make it a "
                                                    "Variable, or a constant that the tape watches, before computing"),
    (lambda tape, x, y: tape.jacobian(y, None), "jacobian: sources holds None of type 'NoneType', expected tensors or variables; make it a "
                                                "Variable, or a constant that the tape watches, before computing"),
    (lambda tape, x, y: tape.batch_jacobian(np.ones((2, 2)), x), "batch_jacobian: target holds array([[1., 1.], [1., 1.]]) of type 'ndarray', "
                                                                 "expected tensors or variables"),
    (lambda tape, x, y: tape.batch_jacobian(y, None), "batch_jacobian: source holds None of type 'NoneType', expected tensors or variables"),
])  # fmt: skip
def test_other_methods_name_themselves(ask, text):
    x = ad.Variable(3.0)
    with ad.GradientTape(persistent=True, precise=True) as tape:
        y = x * x
    with pytest.raises(TypeError) as info:
        ask(tape, x, y)
    assert str(info.value) == text


def test_watching_what_cannot_be_watched():
    with ad.GradientTape() as tape:
        with pytest.raises(ValueError) as info:
            tape.watch(np.array(1.0))
        assert str(info.value) == "Passed in object array(1.) of type 'ndarray', not ad.Tensor or ad.Variable."
        tape.watch([ad.constant(1), ad.constant(1.0)])
    with pytest.raises(RuntimeError, match="watch: the tape does not record yet; enter it first"):
        ad.GradientTape().watch(ad.constant(1.0))


def test_watching_an_integer_warns_five_times():
    code = "import autodiff as ad\nwith ad.GradientTape() as t:\n  for _ in range(9): t.watch(ad.constant(1))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["The dtype of the watched tensor must be floating (e.g. ad.float32), got ad.int32"] * 5


# ---------------------------------------------------------------------------------------------------------------------- why
def test_why_says_in_a_sentence_what_breaks_the_way():
    x, c, frozen, unread = ad.Variable(2.0), ad.constant(3.0), ad.Variable(1.0, trainable=False), ad.Variable(1.0)
    with ad.GradientTape(persistent=True) as tape:
        y = x * c * frozen
        n = ad.cast(y, "int32")
        through = ad.constant((x * 2).numpy()) * 3
        aside = x * 1.0
        other = x * x
    for target, source, words in [
        (y, x, "The gradient is connected"),
        (y, c, "The source was not watched: it is a plain tensor"),
        (y, frozen, "a variable with trainable=False"),
        (y, unread, "was never read while the tape recorded"),
        (n, x, "The target has dtype int32: only floating tensors have gradients."),
        (through, x, "the result of mul left the tape through numpy()"),
        (3.0, x, "The target is no tensor but 3.0"),
        (other, aside, "does not depend on the source"),
    ]:
        assert words in tape.why(target, source), tape.why(target, source)
    del tape
    with ad.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    assert tape.why(y, x).startswith("The tape holds no record: it was never entered, or it is not persistent")


def test_a_tape_in_the_memory_of_another_is_a_new_one():
    def used(n, **options):
        x, tapes = ad.Variable(3.0), [ad.GradientTape(**options) for _ in range(n)]
        for tape in tapes:
            with tape:
                y = x * x
            assert float(tape.gradient(y, x)) == 6.0 and tape.watched_variables() == (x,)
        return weakref.ref(x)

    for options in ({}, {"persistent": True}, {"watch_accessed_variables": True, "stabilize": True}):
        gone = used(40, **options)                          # more than are kept
        assert gone() is None
        ad.GradientTape(watch_accessed_variables=False)
        tapes = [ad.GradientTape() for _ in range(40)]
        assert all(tape.watched_variables() == () and not tape.persistent and not tape.stabilize for tape in tapes)
        with pytest.raises(RuntimeError, match="recorded nothing"):
            tapes[0].gradient(ad.constant(1.0), [])
        with pytest.raises(KeyError):                       # a tape that dies on the way of an exception leaves it as it is
            with ad.GradientTape():
                raise KeyError(ad.Variable(1.0) * 2)

    class Own(ad.GradientTape):
        pass

    with Own() as tape:
        y = ad.Variable(2.0) * 1
    assert type(tape) is Own and type(ad.GradientTape()) is ad.GradientTape
