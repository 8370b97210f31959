"""The page in a real browser: what a visitor clicks, drags and types, and what then is there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from augpipe import Recipe
from augpipe.schema import read_yaml

pytest.importorskip("nicegui", reason="the extra studio is not installed")
pytest.importorskip("selenium", reason="selenium is not installed")

from selenium import webdriver
from selenium.webdriver import ActionChains, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

SHAPES = Path(__file__).parents[2] / "samples" / "shapes"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1500,1000",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium and its driver are not there"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where `augpipe preview --serve` serves; it ends as with Ctrl-C, and then with 0."""
    command = [sys.executable, "-m", "augpipe", "preview", "heavy", "--data", str(SHAPES)]
    # NiceGUI behaves in another way where it believes to be tested by its own plugin.
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    with subprocess.Popen(  # noqa: S603 (our own command)
        [*command, "--serve", "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        try:
            address = server.stdout.readline().split()[-1]
            answering(address)
            yield address
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(30) == 0


def answering(address: str) -> None:
    """Wait until the server does."""
    for _ in range(100):
        with suppress(urllib.error.URLError), urllib.request.urlopen(address):  # noqa: S310
            return
        time.sleep(0.1)


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options, Service(DRIVER))
    yield browser
    browser.quit()


class Visit:
    """A page newly opened."""

    def __init__(self, browser: webdriver.Chrome, address: str) -> None:
        self.browser = browser
        browser.get(address)
        self.until(lambda: len(self.pictures()) == 7)

    def until(self, true: Callable[[], Any]) -> Any:
        def settled(_: object) -> Any:
            return true()

        return WebDriverWait(self.browser, 30, 0.1).until(settled)

    def one(self, selector: str) -> WebElement:
        return self.until(lambda: self.browser.find_elements(By.CSS_SELECTOR, selector))[0]

    def button(self, text: str) -> WebElement:
        found = f"//button[normalize-space(.)='{text}' or .//span[.='{text}']]"
        return self.browser.find_element(By.XPATH, found)

    def pictures(self) -> list[str]:
        """The address of each picture, the original's first; those that are there already."""
        script = "return [...document.querySelectorAll('figure img')].map(one => one.src)"
        return [one for one in self.browser.execute_script(script) if one]

    def ops(self) -> list[str]:
        script = "return [...document.querySelectorAll('[data-op]')].map(one => one.dataset.op)"
        return self.browser.execute_script(script)

    def changes(self, act: Callable[[], Any]) -> None:
        """Do something, and wait until the variants are others."""
        before = self.pictures()
        act()
        self.until(lambda: self.pictures()[1:] != before[1:])

    def copied(self) -> str:
        """What is on the clipboard after a click on the button."""
        grants = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
        self.browser.execute_cdp_cmd("Browser.grantPermissions", grants)
        self.browser.execute_script("window.text = ''; navigator.clipboard.writeText('')")
        self.button("Copy YAML").click()
        read = "navigator.clipboard.readText().then(text => window.text = text); return window.text"
        return self.until(lambda: self.browser.execute_script(read))

    def train(self) -> list[Any]:
        return read_yaml(self.copied())["pipeline"]["train"]


@pytest.fixture
def visit(browser, address) -> Visit:
    return Visit(browser, address)


def op(name: str, inside: str = "") -> str:
    return f"[data-op='{name}'] {inside}"


def test_a_row_is_picked(visit):
    visit.changes(visit.one("[aria-label='row 5']").click)
    assert visit.until(lambda: "picked" in visit.one("[aria-label='row 5']").get_attribute("class"))
    assert visit.browser.find_element(By.XPATH, "//*[starts-with(text(), 'row 5 ·')]")
    visit.one("[aria-label='rows after']").click()
    visit.changes(visit.one("[aria-label='row 30']").click)


def test_what_is_copied_is_the_recipe(visit):
    assert Recipe.parse(read_yaml(visit.copied())).ops("train") == Recipe.load("heavy").ops("train")


def test_a_slider_is_dragged(visit):
    visit.one(op("affine", "[aria-label='parameters']")).click()
    visit.until(visit.one(op("affine", ".q-range[aria-label='degrees']")).is_displayed)
    right = visit.browser.find_elements(By.CSS_SELECTOR, op("affine", ".q-range .q-slider__thumb"))[
        1
    ]
    drag = ActionChains(visit.browser).drag_and_drop_by_offset(right, 25, 0)
    visit.changes(drag.perform)
    low, high = visit.train()[2]["affine"]["degrees"]
    assert low == -20
    assert 60 < high <= 180


def test_an_op_is_switched_off_and_on(visit):
    switch = visit.one(op("affine", "[role='switch']"))
    visit.changes(switch.click)
    assert [next(iter(one), "") for one in visit.train() if isinstance(one, dict)] == [
        "random_resized_crop",
        "color_jitter",
        "hsv",
        "gaussian_blur",
    ]
    visit.changes(switch.click)
    assert Recipe.parse(read_yaml(visit.copied())).ops("train") == Recipe.load("heavy").ops("train")


def test_ops_are_reordered_by_buttons_and_by_dragging(visit):
    first, second, third, *rest = visit.ops()
    visit.one(op(first, "[aria-label='down']")).click()
    visit.until(lambda: visit.ops() == [second, first, third, *rest])
    handle, place = visit.one(op(third, ".handle")), visit.one(op(second))
    chain = ActionChains(visit.browser).click_and_hold(handle)
    chain.move_to_element_with_offset(place, 0, -10).pause(0.3).release().perform()
    visit.until(lambda: visit.ops() == [third, second, first, *rest])
    names = [one if isinstance(one, str) else next(iter(one)) for one in visit.train()]
    assert names[:3] == [third, second, first]


def test_ops_are_added_and_removed(visit):
    choice = visit.one("input[aria-label='add to train']")
    choice.click()
    choice.send_keys("invert")
    visit.one("[role='option']").click()
    visit.until(lambda: "invert" in visit.ops())
    assert visit.train()[-1] == "invert"
    visit.changes(visit.one(op("hsv", "[aria-label='remove']")).click)
    assert "hsv" not in visit.ops()
    visit.changes(visit.button("Start again").click)
    assert visit.ops()[-2:] == ["gaussian_blur", "random_erasing"]


def test_a_wrong_value_is_told_in_the_librarys_words(visit):
    visit.one(op("affine", "[aria-label='parameters']")).click()
    box = visit.one(op("affine", "input[aria-label='p']"))
    visit.until(box.is_displayed)
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("5")
    told = "affine.p: should be less than or equal to 1, not 5"
    visit.until(lambda: visit.one(op("affine", ".text-negative")).text == told)
    visit.until(lambda: visit.one(".pane .error").text == f"pipeline.train[2]: {told}")
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("1")
    visit.until(lambda: not visit.one(".pane .error").is_displayed())


def test_text_is_taken_over(visit):
    visit.browser.find_element(By.XPATH, "//*[@role='tab'][.='YAML']").click()
    area = visit.one("textarea.yaml")
    visit.until(area.is_displayed)
    area.send_keys(Keys.CONTROL, "a")
    area.send_keys("[rotat]")
    visit.button("Use this YAML").click()
    wrong = "//*[contains(., \"unknown op 'rotat'; did you mean 'rotate'?\")]"
    visit.until(lambda: visit.browser.find_elements(By.XPATH, wrong))
    area.send_keys(Keys.CONTROL, "a")
    area.send_keys("[{rotate: {degrees: 90}}, <b>]")
    visit.button("Use this YAML").click()
    visit.until(lambda: visit.browser.find_elements(By.XPATH, "//*[contains(., \"'<b>'\")]"))
    area.send_keys(Keys.CONTROL, "a")
    area.send_keys("[{rotate: {degrees: 90}}]")
    visit.changes(visit.button("Use this YAML").click)
    assert visit.train() == [{"rotate": {"degrees": 90}}]


def test_members_of_an_op_have_cards_of_their_own(visit):
    visit.browser.find_element(By.XPATH, "//*[@role='tab'][.='YAML']").click()
    area = visit.one("textarea.yaml")
    visit.until(area.is_displayed)
    area.send_keys(Keys.CONTROL, "a")
    area.send_keys("[{one_of: {ops: [{hsv: {p: 1}}, {invert: {p: 1}}]}}]")
    visit.changes(visit.button("Use this YAML").click)
    visit.browser.find_element(By.XPATH, "//*[@role='tab'][.='ops']").click()
    visit.until(visit.one(op("one_of")).is_displayed)
    visit.one(op("one_of", "[aria-label='parameters']")).click()
    visit.changes(visit.one(op("one_of", "[data-op='hsv'] [role='switch']")).click)
    assert visit.train() == [{"one_of": {"ops": [{"invert": {"p": 1}}]}}]


def test_strengths_take_the_place_of_epochs(visit):
    visit.changes(visit.button("mild to extreme").click)
    visit.until(lambda: len(visit.pictures()) == 4)


def test_nothing_outside_is_asked_for_and_the_console_is_silent(visit, address):
    page = address.split("?")[0]
    own = ("data:", "chrome", page, page.replace("http", "ws"))
    events = [json.loads(one["message"])["message"] for one in visit.browser.get_log("performance")]
    asked = [
        one["params"]["request"]["url"] if "request" in one["params"] else one["params"]["url"]
        for one in events
        if one["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated")
    ]
    assert {url.split(":")[0] for url in asked} >= {"http", "ws"}
    assert [url for url in asked if not url.startswith(own)] == []
    assert visit.browser.get_log("browser") == []


def test_only_the_loopback_address_listens(address):
    port = int(address.split(":")[2].split("/")[0])
    table = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    listening = [row.split()[1] for row in table.splitlines() if row.split()[3] == "0A"]
    assert [one for one in listening if one.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


@pytest.mark.parametrize(
    ("path", "host", "code"),
    [
        ("", None, 403),
        ("?key=guessed", None, 403),
        ("KEY", "attacker.example", 400),
        ("etc/passwd", None, 404),
        ("_nicegui/../../../../etc/passwd", None, 404),
        ("docs", None, 404),
    ],
)
def test_nothing_is_served_but_the_page_to_who_has_its_key(address, path, host, code):
    base, _, key = address.partition("?")
    url = base + (f"?{key}" if path == "KEY" else path)
    request = urllib.request.Request(url, headers={} if host is None else {"Host": host})  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)  # noqa: S310
    refused.value.close()
    assert refused.value.code == code
