"""A block holds for what runs within it, as a `with` block or as a decorator, and restores its own state only."""

import asyncio
import threading

import pytest

import micrograd_tensor as mt
from micrograd_tensor.engine.recording import record_all, recording, unchecked


def not_innermost(said=""):
    return pytest.warns(RuntimeWarning, match=said + ".*before each yield")


@pytest.fixture(autouse=True)
def unchanged():
    """Whatever a test does, the state afterwards is the one before."""
    before = recording.get()
    yield
    assert recording.get() is before


def records():
    x = mt.tensor(2.0, requires_grad=True)
    return (x * x).requires_grad


# ----------------------------------------------------------------------------------------------------------- decorators


@pytest.mark.parametrize(
    ("block", "outside", "seen"),
    [
        (mt.no_grad(), mt.enable_grad(), lambda: not recording.get().on),
        (mt.enable_grad(), mt.no_grad(), lambda: recording.get().on),
        (mt.detect_anomaly(), mt.enable_grad(), lambda: recording.get().anomaly),
        (unchecked(), mt.detect_anomaly(), lambda: not recording.get().anomaly),
        (record_all(), mt.enable_grad(), lambda: recording.get().record_all),
        (mt.scope("a"), mt.scope("b"), lambda: recording.get().scope.path == "b/a"),
    ],
    ids=lambda v: repr(v) if "function" not in repr(v) else "",
)
def test_every_block_decorates_a_function(block, outside, seen):
    @block
    def asked(*args, **settings):
        """Its docstring."""
        return seen(), args, settings

    for _ in range(2):
        with outside:
            assert not seen()
            assert asked(1, key=2) == (True, (1,), {"key": 2})
            assert not seen()
    assert (asked.__name__, asked.__doc__) == ("asked", "Its docstring.")


@pytest.mark.parametrize("decorator", [mt.no_grad, mt.no_grad()], ids=["bare", "called"])
def test_parentheses_may_be_left_out(decorator):
    @decorator
    def evaluate():
        return records()

    assert (evaluate(), records()) == (False, True)


def test_methods_and_recursive_functions_are_decorated():
    class Net:
        @mt.no_grad()
        def evaluate(self, depth):
            return [records(), *(self.evaluate(depth - 1) if depth else ())]

    assert Net().evaluate(3) == [False] * 4
    assert records()


def test_a_decorated_function_that_fails_leaves_its_block():
    @mt.no_grad()
    def fails():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert records()


def generator():
    yield


async def coroutine():
    pass


async def asynchronous_generator():
    yield


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (generator, "@no_grad.*: generator is a generator, whose body runs after the call has returned"),
        (coroutine, "coroutine is a coroutine"),
        (asynchronous_generator, "asynchronous_generator is an asynchronous generator"),
        (dict, "decorates functions, not <class 'dict'>"),
        (3, "decorates functions, not 3"),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_what_cannot_be_decorated_is_refused(given, said):
    with pytest.raises(TypeError, match=said):
        mt.no_grad()(given)


# --------------------------------------------------------------------------------------------- a block's own state only


def steps(block):
    """A generator that is suspended within the block, and then outside."""
    with block:
        yield
    yield


def test_a_block_restores_its_state_though_a_generator_is_suspended_within_it():
    with not_innermost(), mt.no_grad():
        suspended = steps(mt.enable_grad())
        next(suspended)
    assert records()
    with not_innermost():
        next(suspended)
    assert records()


def test_a_generator_that_goes_on_later_leaves_the_state_of_its_caller_alone():
    suspended = steps(mt.enable_grad())
    with not_innermost(), mt.no_grad():
        next(suspended)
    with mt.no_grad():
        with not_innermost():
            next(suspended)
        assert not records()
    assert records()


def test_generators_that_take_turns_leave_nothing_behind():
    first, second = steps(mt.no_grad()), steps(mt.enable_grad())
    next(first)
    next(second)
    with not_innermost():
        next(first)
    with not_innermost():
        next(second)
    assert records()


def test_a_generator_that_ends_before_the_block_around_it_says_nothing():
    for _ in steps(mt.no_grad()):
        pass
    with mt.no_grad():
        suspended = steps(mt.enable_grad())
        next(suspended)
        suspended.close()
        assert not records()


def test_a_generator_that_another_thread_closes_leaves_that_thread_its_own_block():
    suspended, seen = steps(mt.no_grad()), []

    def close():
        with mt.no_grad():
            with not_innermost():
                suspended.close()
            seen.append(records())

    with not_innermost(), mt.enable_grad():
        next(suspended)
        thread = threading.Thread(target=close)
        thread.start()
        thread.join()
        assert not records()  # the thread that entered the block is still within it
    assert seen == [False]
    assert records()


def test_one_block_serves_threads_tasks_and_itself_at_once():
    block, start, seen = mt.no_grad(), threading.Barrier(4), []

    def work():
        start.wait()
        for _ in range(200):
            with block, block:
                inside = records()
            seen.append((inside, records()))

    async def wait():
        with block:
            await asyncio.sleep(0)
            inside = records()
            await asyncio.sleep(0)
        return inside, records()

    async def together():
        return await asyncio.gather(*(wait() for _ in range(5)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == set(asyncio.run(together())) == {(False, True)}
    assert len(seen) == 800


def test_an_error_passes_an_open_block_and_is_the_only_thing_said():
    """Such as Ctrl-C, which may come when a block within has been entered and its body has not begun."""

    def interrupted():
        mt.enable_grad().__enter__()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mt.no_grad()(interrupted)()


def test_what_is_said_names_both_blocks():
    suspended = steps(mt.scope("a"))
    with not_innermost(r"^no_grad\(\) ended before scope\('a'\), which was entered within it\."), mt.no_grad():
        next(suspended)
    with not_innermost(r"^scope\('a'\) is not in force where it ended: in another thread or task"):
        suspended.close()
