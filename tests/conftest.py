"""For all tests: the same examples on every run, no deadline, since machines differ, one thread, and a browser."""

import dataclasses
import gc
import os
import shutil
import sys

import pytest
from hypothesis import settings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # before NumPy is loaded; the workers use every core
    os.environ.setdefault(variable, "1")
os.environ["MICROGRAD_TENSOR_CACHE"] = "0"  # machine code of earlier runs proves nothing
for setting in (
    "ADMIN__TICK__LIMIT",
    "COMM__TIMEOUTS__CONNECT",
    "COMM__TIMEOUTS__TCP",
):  # Dask's, on a machine that is busy
    os.environ.setdefault(f"DASK_DISTRIBUTED__{setting}", "600s")

settings.register_profile("reproducible", derandomize=True, deadline=None, max_examples=40, database=None)
settings.load_profile("reproducible")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.path.name != "test_site.py")  # so that nobody waits for the site at the end


def pytest_collection_finish():
    gc.collect()
    gc.freeze()  # thousands of tests, which every collection of garbage would go through in vain


@pytest.fixture
def with_rules(monkeypatch):
    """Gives a row other rules, in every backward pass from now on."""
    from micrograd_tensor.engine import walk  # NumPy with it, which counts its threads when it is loaded

    def planted(row, vjps):
        wrong = dataclasses.replace(row, vjps=vjps)
        pull = walk.pull

        def pulled(pending, *args, **settings):
            for t in walk.ancestors(list(pending)):
                if t.op is row:
                    t.op = wrong
            return pull(pending, *args, **settings)

        monkeypatch.setattr(walk, "pull", pulled)

    return planted


def missing(what):
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and this test has to run here")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session", name="missing")
def what_to_do_without():
    """Skips a test for what is not installed, except where every test has to run."""
    return missing


@pytest.fixture(scope="session")
def c_compiler():
    """The C compiler that is there; on Windows nobody has tried one."""
    if sys.platform == "win32":
        pytest.skip("kernels in C are for Linux and macOS")
    found = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    return found or missing("a C compiler")


@pytest.fixture(scope="module")  # Playwright runs an event loop, beside which tests of asyncio cannot run
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    if CHROMIUM is None:
        missing("Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def window(browser):
    """One for all tests of a file: a new one takes a process, and longer than most of them."""
    window = browser.new_page()
    yield window
    window.close()


@pytest.fixture
def page(window):
    """An empty page, on a screen, with nothing pointed at."""
    window.goto("about:blank")
    window.emulate_media(media="null")
    window.set_viewport_size({"width": 1200, "height": 600})
    window.mouse.move(0, 0)
    return window


CONTRAST = """() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } };
  return [...document.querySelectorAll('main *')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    .map(e => [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((a, b) => b - a))
    .map(([a, b]) => (a + 0.05) / (b + 0.05));
}"""


@pytest.fixture
def contrasts():
    """Of each text on a page, how much lighter or darker it is than its ground: by WCAG, 4.5 is enough."""
    return lambda page: page.evaluate(CONTRAST)


@pytest.fixture
def mypy(pytestconfig, tmp_path):
    """What mypy says of a user's file of some lines; what it learns of NumPy and of us is kept for the next time."""
    api = pytest.importorskip("mypy.api")

    def check(name, lines):
        file = tmp_path / f"{name}.py"
        file.write_text("\n".join(lines), encoding="utf-8")
        printed, _, _ = api.run(["--strict", f"--cache-dir={pytestconfig.cache.mkdir('mypy')}", str(file)])
        return printed

    return check


@pytest.fixture
def untraced():
    """As in an ordinary run: beside a debugger or a measurement of coverage, a run of user code keeps no snapshots."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)
