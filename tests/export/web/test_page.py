"""The page that export.web makes, in Chromium: pictures as export.stylize's, the camera, offline, and
what is refused.
"""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import numpy as np
import pytest
from chromium import SWIFTSHADER, chromium, driver, plain_server, serving
from exported_models import SIZE, add_file, converted, described, fake_run, smooth_image, student
from fetched_networks import fetched
from PIL import Image, ImageCms

from export.photos.brushstrokes import CANVAS
from export.stylize import main as stylize
from export.web import main
from export.web_app.site_server import SiteServer

WORKING_SIZE = 96
WAIT_MS = 120_000
# Chromium is slow to start beside other tests.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    data = described(converted("int8"), student(), SIZE, "int8", working_size_px=WORKING_SIZE)
    with pytest.MonkeyPatch.context() as patch:
        run = fake_run(tmp_path_factory.mktemp("a run"), patch)
    return add_file(run, data)


@pytest.fixture(scope="module")
def painter(tmp_path_factory) -> Path:
    """A model whose photos come back with brushstrokes."""
    path = tmp_path_factory.mktemp("models") / "painter.tflite"
    facts = {"working_size_px": WORKING_SIZE, "brushstrokes": True}
    path.write_bytes(described(converted("int8"), student(), SIZE, "int8", **facts))
    return path


@pytest.fixture(scope="module")
def site(model, tmp_path_factory) -> Path:
    """What the command makes, in a folder below the one that is served."""
    out = tmp_path_factory.mktemp("host") / "some where" / "site"
    run = str(model.parents[1])
    assert fetched(main, ["--run", run, "--title", '<Test> & "page"', "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def address(site):
    with serving(SiteServer(site, 0)) as address:
        yield address


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    """A camera's stream of one picture: red on the left, blue on the right; 160x120, YUV 4:2:0."""
    path = tmp_path_factory.mktemp("video") / "camera.y4m"
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[:, :80], picture[:, 80:] = (230, 30, 30), (30, 30, 230)
    planes = np.asarray(Image.fromarray(picture).convert("YCbCr"))
    frame = planes[:, :, 0].tobytes() + b"".join(
        planes[::2, ::2, channel].tobytes() for channel in (1, 2)
    )
    header = b"YUV4MPEG2 W160 H120 F30:1 Ip A1:1 C420jpeg\n"
    path.write_bytes(header + 30 * (b"FRAME\n" + frame))
    return path


@pytest.fixture(scope="module")
def playwright():
    with driver() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright, video):
    with chromium(playwright, f"--use-file-for-fake-video-capture={video}") as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    """The page at its first visit, models loaded."""
    with opened(browser, address) as page:
        yield page


class opened:
    """A page in a context of its own; it must load without an error."""

    def __init__(self, browser, address: str, **options):
        self._browser, self._address = browser, address
        self._options = {"locale": "en-US", "viewport": {"width": 400, "height": 800}, **options}

    def __enter__(self):
        self._context = self._browser.new_context(**self._options)
        self._context.set_default_timeout(WAIT_MS)
        self.errors: list[str] = []
        page = self._context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(self._address)
        page.wait_for_selector("html[data-ready]")
        return page

    def __exit__(self, kind, *_):
        self._context.close()
        assert kind or not self.errors


def png(picture: np.ndarray, **options) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, "png", **options)
    return encoded.getvalue()


def choose(page, name: str, data: bytes) -> None:
    page.set_input_files("#photo-files", {"name": name, "mimeType": "", "buffer": data})


def drop(page, name: str, data: bytes) -> None:
    """As when a file is dragged onto the page."""
    page.evaluate(
        """([name, bytes]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name));
            document.getElementById("stage").dispatchEvent(
                new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        [name, list(data)],
    )


def wait_until(page, condition: str, argument=None) -> None:
    """Asks again and again; wait_for_function would evaluate text, which the page's policy forbids."""
    end = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(condition, argument):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(100)


def wait_painted(page, photo: int = 1) -> None:
    page.wait_for_selector(f'#after[data-look^="{photo}|"]', state="attached")
    page.wait_for_selector("#work", state="hidden")


def saved(page, kind: str = "image/png") -> Image.Image:
    page.select_option("#format", kind)
    with page.expect_download() as download:
        page.click("#save")
    return Image.open(download.value.path())


def set_range(page, name: str, value: int, event: str) -> None:
    page.eval_on_selector(
        f"#{name}",
        f"(node) => {{ node.value = {value}; node.dispatchEvent(new Event('{event}')); }}",
    )


def message(page) -> str:
    page.wait_for_selector("#message.error")
    return page.inner_text("#message")


def by_command(model: Path, folder: Path, data: bytes, *options: str) -> np.ndarray:
    (folder / "photo.png").write_bytes(data)
    command = [str(model), str(folder / "photo.png"), "--out", str(folder / "out"), *options]
    assert stylize(command) == 0
    return np.asarray(Image.open(folder / "out" / "photo.png").convert("RGB"))


def most(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


# Range 0 is the finest brush: the photo at its own size, in tiles.
LOOKS = {
    "larger than the working size": ((150, 210), 3, 100, ()),
    "large strokes": ((150, 210), 5, 100, ("--brush", "2")),
    "tiles, and half of the photo": (
        (500, 900),
        0,
        40,
        ("--working-size", "900", "--strength", "0.4"),
    ),
    "a little smaller": ((60, 80), 3, 70, ("--strength", "0.7")),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_photo_is_as_export_stylize_has_it(page, model, tmp_path, look):
    (height, width), brush, strength, options = LOOKS[look]
    data = png(smooth_image(height, width, seed=6))
    choose(page, "photo.png", data)
    set_range(page, "brush", brush, "change")
    set_range(page, "strength", strength, "input")
    wait_painted(page)
    wanted = by_command(model, tmp_path, data, *options)
    assert most(np.asarray(saved(page).convert("RGB")), wanted) <= 1
    # And that is no photo handed through.
    assert most(wanted, smooth_image(height, width, seed=6)) > 10


def use_model(page, model: Path) -> None:
    drop(page, model.name, model.read_bytes())
    page.wait_for_selector(f'.style[aria-checked="true"]:has-text("{model.stem}")')


# The last canvas is of 1024 pixels: the photo is larger, smaller, or of that width.
PAINTED = {
    "larger than the canvases": ((900, 1300), 3, 100, ()),
    "smaller than the last canvas, in part": ((150, 210), 3, 40, ("--strength", "0.4")),
    "as wide as the last canvas": ((640, CANVAS), 5, 100, ("--brush", "2")),
    "with strokes of three sizes": ((300, 420), 1, 100, ("--brush", "0.5")),
    "enlarged for fine strokes": ((100, WORKING_SIZE * 3 // 2), 1, 100, ("--brush", "0.5")),
    "at its working size": ((70, WORKING_SIZE), 3, 100, ()),
}


@pytest.mark.parametrize("look", PAINTED)
def test_a_painted_photo_is_as_export_stylize_has_it(page, painter, tmp_path, look):
    (height, width), brush, strength, options = PAINTED[look]
    data = png(smooth_image(height, width, seed=6))
    use_model(page, painter)
    choose(page, "photo.png", data)
    set_range(page, "brush", brush, "change")
    set_range(page, "strength", strength, "input")
    wait_painted(page)
    wanted = by_command(painter, tmp_path, data, *options).astype(int)
    differences = np.abs(np.asarray(saved(page).convert("RGB")) - wanted)
    # A level that is rounded otherwise at one of the sizes may be one more at the next.
    assert differences.max() <= 4 and (differences > 1).mean() < 1e-4


def test_progress_of_a_painted_photo_never_goes_back_and_strength_runs_no_network(page, painter):
    use_model(page, painter)
    page.evaluate(
        """() => {
            const bar = document.getElementById("progress");
            window.shares = [];
            new MutationObserver(() => window.shares.push(bar.value))
                .observe(bar, { attributeFilter: ["value"] });
        }"""
    )

    def jobs() -> list[np.ndarray]:
        """Shares of each job since the last call, from its 0 on."""
        shares = np.asarray(page.evaluate("window.shares.splice(0)"))
        return np.split(shares, np.flatnonzero(shares == 0))

    choose(page, "photo.png", png(smooth_image(900, 1300, seed=6)))
    wait_until(page, "document.getElementById('progress').value > 0.55")
    set_range(page, "strength", 70, "input")  # in the midst of the canvases
    wait_painted(page)
    first = jobs()
    assert all((np.diff(shares) >= 0).all() for shares in first)
    # The network's share ends at 0.5; rows of canvases and of the photo follow.
    again = max(first, key=len)[1:]
    assert again.min() > 0.5 and len(again) > 40
    set_range(page, "strength", 50, "input")
    wait_painted(page)
    rows = max(jobs(), key=len)[1:]
    assert rows.min() == pytest.approx(0.5 + 0.5 * 32 / 900)


def wide_gamut() -> bytes:
    """An ICC profile: sRGB's with red and green exchanged, which no reader can overlook."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = {bytes(profile[i : i + 4]): i for i in range(132, 132 + 12 * profile[131], 12)}
    places = {name: bytes(profile[at[name] + 4 : at[name] + 12]) for name in (b"rXYZ", b"gXYZ")}
    profile[at[b"rXYZ"] + 4 : at[b"rXYZ"] + 12] = places[b"gXYZ"]
    profile[at[b"gXYZ"] + 4 : at[b"gXYZ"] + 12] = places[b"rXYZ"]
    return bytes(profile)


def test_orientation_and_profile_are_applied(page, model, tmp_path):
    """Upright and in sRGB, as export.stylize has it; other colour engines round differently."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = png(smooth_image(90, 140, seed=3), exif=exif, icc_profile=wide_gamut())
    choose(page, "turned.png", data)
    wait_painted(page)
    result = saved(page, "image/jpeg")
    assert result.format == "JPEG" and result.size == (90, 140)
    assert result.getexif().get(0x0112, 1) == 1
    wanted = by_command(model, tmp_path, data)
    without = by_command(
        model, tmp_path, png(smooth_image(90, 140, seed=3).swapaxes(0, 1)[:, ::-1])
    )
    differences = [
        np.abs(np.asarray(saved(page).convert("RGB")).astype(int) - other).mean()
        for other in (wanted, without)
    ]
    assert differences[0] < 2 < 10 < differences[1]


def test_a_dropped_photo_is_as_export_stylize_has_it(page, model, tmp_path):
    data = png(smooth_image(60, 80, seed=1))
    drop(page, "photo.png", data)
    wait_painted(page)
    result = np.asarray(saved(page).convert("RGB"))
    assert most(result, by_command(model, tmp_path, data)) <= 1


def test_photos_of_several_files_are_kept_and_removed(page):
    for number, color in enumerate(((200, 40, 40), (40, 40, 200)), start=1):
        choose(page, f"{number}.png", png(np.full((40, 60, 3), color, np.uint8)))
        wait_painted(page, number)
    assert page.locator("#photos .photo").count() == 2
    page.get_by_label("Remove 2.png").click()
    wait_painted(page, 1)
    assert not page.is_visible("#photos")


def test_the_camera_is_painted_frozen_and_saved(page):
    page.click("#start-camera")
    wait_until(page, "parseFloat(document.getElementById('rate').textContent) > 0")
    page.click("#freeze")
    rate = page.inner_text("#rate")
    assert re.fullmatch(r"[\d.]+ frames/s at \d+ × \d+", rate)
    page.wait_for_timeout(700)
    assert page.inner_text("#rate") == rate
    page.click("#take")
    wait_painted(page)
    assert "160 × 120" in page.inner_text("#status")
    before = page.evaluate(
        """() => {
            const context = document.getElementById("before").getContext("2d");
            return [10, 150].map((x) => [...context.getImageData(x, 60, 1, 1).data]);
        }"""
    )
    assert before[0][0] > 150 > before[0][2] and before[1][2] > 150 > before[1][0]
    assert page.evaluate("document.getElementById('video').srcObject") is None


def test_without_a_camera_the_page_says_so(browser, address):
    with opened(browser, address) as page:
        page.evaluate(
            """() => {
                const error = new DOMException("Requested device not found", "NotFoundError");
                navigator.mediaDevices.getUserMedia = () => Promise.reject(error);
            }"""
        )
        page.click("#start-camera")
        assert "Requested device not found" in message(page)
        assert page.is_visible("#welcome")


def test_after_the_first_visit_no_network_is_needed(browser, site):
    """Nor a server: it is gone."""
    context = browser.new_context(locale="en-US")
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    with serving(SiteServer(site, 0)) as address:
        page.goto(address)
        wait_until(
            page, "document.getElementById('status').textContent.includes('without a network')"
        )
    page.reload()
    page.wait_for_selector("html[data-ready]")
    choose(page, "photo.png", png(smooth_image(60, 80, seed=1)))
    wait_painted(page)
    assert page.evaluate("crossOriginIsolated")
    context.close()


def test_nothing_leaves_the_origin_and_the_policy_forbids_it(browser, site, address):
    asked: list[str] = []
    with opened(browser, address) as page:
        # Playwright listens over the debugging protocol, to the page, its workers and the service
        # worker.
        page.context.on("request", lambda request: asked.append(request.url))
        page.reload()
        page.wait_for_selector("html[data-ready]")
        choose(page, "photo.png", png(smooth_image(150, 80, seed=1)))
        wait_painted(page)
        saved(page)
        assert any("litert_wasm" in url for url in asked)
        foreign = [url for url in asked if not url.startswith((address, "blob:"))]
        assert foreign == []
        refused = """async () => {
            const blocked = new Promise((resolve) =>
                document.addEventListener("securitypolicyviolation", (e) => resolve(e.blockedURI)));
            fetch("https://example.org/").catch(() => {});
            return blocked;
        }"""
        assert page.evaluate(refused).startswith("https://example.org")
        in_worker = """() => new Promise((resolve) => {
            const worker = new Worker("js/worker.js");
            worker.onmessage = ({ data }) => resolve(data);
            worker.postMessage({ id: 1, method: "loaded", values: {} });
        })"""
        assert page.evaluate(in_worker)["id"] == 1
        headers = page.request.get(f"{address}js/worker.js").headers
        assert "connect-src 'self'" in headers["content-security-policy"]


HOSTILE = {
    "text.jpg": (b"this is no picture", "can't read this as a picture"),
    "cut.png": (png(smooth_image(50, 50, seed=1))[:90], "can't read this as a picture"),
    "empty.png": (b"", "can't read this as a picture"),
    "pixel.png": (png(np.zeros((1, 1, 3), np.uint8)), "1 × 1 pixels; at least 8 × 8"),
    "none.tflite": (b"no model", "none.tflite: no model of export.tflite (not a .tflite file)"),
}


def test_what_is_no_photo_and_no_model_is_named(page):
    for name, (data, said) in HOSTILE.items():
        drop(page, name, data)
        wait_until(
            page, "(said) => document.getElementById('message').textContent.includes(said)", said
        )
    # The page goes on.
    choose(page, "photo.png", png(smooth_image(60, 80, seed=1)))
    wait_painted(page, len(HOSTILE))
    assert not page.is_visible("#message")


def test_a_damaged_network_is_refused(page, model):
    data = bytearray(model.read_bytes())
    # Its header and facts are whole, its operators are not.
    data[200 : len(data) // 2] = bytes(len(data) // 2 - 200)
    drop(page, "damaged.tflite", bytes(data))
    assert "damaged.tflite: no model of export.tflite" in message(page)


def test_a_model_of_ones_own_is_opened(page, model):
    drop(page, "my style.tflite", model.read_bytes())
    page.wait_for_selector('.style[aria-checked="true"]:has-text("my style")')
    choose(page, "photo.png", png(smooth_image(60, 80, seed=1)))
    wait_painted(page)
    page.click("#about")
    facts = page.inner_text("#facts")
    assert "my style" in facts and "blobs" in facts and "int8" in facts and "Licence" in facts


def test_a_photo_of_48_megapixels_is_reduced_and_the_page_says_so(page):
    large = Image.new("L", (8000, 6000), 90)
    encoded = io.BytesIO()
    large.save(encoded, "png", compress_level=1)
    choose(page, "large.png", encoded.getvalue())
    wait_painted(page)
    assert re.search(r"of 48 megapixels was reduced to 2[45]", page.inner_text("#message"))


def test_a_photo_being_painted_can_be_cancelled(page):
    choose(page, "photo.png", png(np.full((2000, 3000, 3), 90, np.uint8)))
    wait_painted(page)
    page.select_option("#format", "image/png")
    # By the page itself: on a busy machine the photo is saved before Playwright's click arrives.
    page.evaluate(
        """() => {
            const bar = document.getElementById("progress");
            const cancel = (_, observer) => {
                if (bar.value <= 0.5) return;
                observer.disconnect();
                document.getElementById("cancel").click();
            };
            new MutationObserver(cancel).observe(bar, { attributeFilter: ["value"] });
            document.getElementById("save").click();
        }"""
    )
    page.wait_for_selector("#work", state="hidden")
    assert not page.is_visible("#message") and page.is_enabled("#save")


def test_below_a_path_of_a_plain_server(browser, site):
    """Which sends none of our headers: one thread, and all else as ever."""
    folder = site.parents[1]
    with serving(plain_server(folder)) as root:
        below = f"{root}some%20where/site/"
        with opened(browser, below) as page:
            choose(page, "photo.png", png(smooth_image(60, 80, seed=1)))
            wait_painted(page)
            assert not page.evaluate("crossOriginIsolated")
            page.click("#about")
            assert "WebAssembly, 1 thread" in page.inner_text("#facts")


def test_every_control_has_a_name_and_keys_reach_it(page):
    choose(page, "photo.png", png(smooth_image(60, 80, seed=1)))
    wait_painted(page)
    drop_names = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [role=img]")]
            .filter((node) => node.checkVisibility() && !node.hidden)
            .filter((node) => !(node.getAttribute("aria-label") || node.textContent.trim() ||
                node.closest("label")?.textContent.trim()))
            .map((node) => node.outerHTML)"""
    )
    assert drop_names == []
    page.focus("#split")
    page.keyboard.press("Home")
    assert (
        page.eval_on_selector("#comparison", "(n) => n.style.getPropertyValue('--split')") == "0%"
    )
    drop(page, "other.tflite", b"x")
    assert page.get_attribute("#message", "role") == "alert"


def test_in_german(browser, address):
    with opened(browser, address, locale="de-AT", color_scheme="dark") as page:
        assert page.inner_text("#choose") == "Fotos auswählen"
        assert page.get_attribute("html", "lang") == "de"
        assert page.title() == '<Test> & "page"'
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", dark))) < 60


def test_webgpu_in_software_is_left_and_when_forced_compared(playwright, site):
    with chromium(playwright, *SWIFTSHADER) as browser, serving(SiteServer(site, 0)) as address:
        facts = {}
        for query in ("", "?accelerator=webgpu"):
            with opened(browser, address + query) as page:
                page.click("#start-camera")
                wait_until(
                    page,
                    """() => {
                        document.getElementById("about").click();
                        const text = document.getElementById("facts").textContent;
                        document.getElementById("about-dialog").close();
                        return !text.includes("not checked");
                    }""",
                )
                page.click("#about")
                facts[query] = page.inner_text("#facts").splitlines()[-1]
                print(query, facts[query])
                page.click("#close-about")
                seen = page.inner_text("#rate")
                wait_until(page, "(s) => document.getElementById('rate').textContent !== s", seen)
    assert re.search("no GPU but software|no WebGPU here", facts[""]), facts
    forced = facts["?accelerator=webgpu"]
    used = re.search(r"the camera by WebGPU \(.*; ([\d.]+|Infinity) dB", forced)
    assert (used and float(used[1]) >= 38) or "WebGPU is left: " in forced, facts
