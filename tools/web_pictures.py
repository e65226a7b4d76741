#!/usr/bin/env python
"""Takes the screenshots of docs/web.md, with Debian's Chromium and the test extra's Playwright.

.venv/bin/python tools/web_pictures.py RUN... [--out docs/screenshots]

The photograph is scikit-image's coffee.png, also before the camera.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PHONE, DESKTOP = {"width": 390, "height": 780}, {"width": 1180, "height": 720}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="+")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    from PIL import Image
    from playwright.sync_api import sync_playwright

    from export.web import main as make_page
    from export.web_app.site_server import SiteServer

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site, video = Path(folder) / "site", Path(folder) / "camera.mjpeg"
        make_page(["--run", *options.run, "--out", str(site)])
        video.write_bytes((site / "example.jpg").read_bytes())
        server = SiteServer(site, 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        arguments = [
            "--no-sandbox",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={video}",
        ]
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)

        def shoot(page, name: str) -> None:
            picture = Image.open(io.BytesIO(page.screenshot()))
            picture.convert("RGB").quantize(256).save(options.out / name, optimize=True)
            print(options.out / name)

        def visit(**how):
            page = browser.new_context(locale="en-US", **how).new_page()
            page.goto(server.address)
            page.wait_for_selector("html[data-ready]", timeout=120_000)
            page.click("#example")
            page.wait_for_selector("#after[data-look]", timeout=120_000)
            page.wait_for_timeout(4000)  # small pictures of all styles
            return page

        page = visit(viewport=PHONE, device_scale_factor=2)
        shoot(page, "web-phone.png")
        page.click("#about")
        shoot(page, "web-about.png")
        page.click("#close-about")
        page.click("#camera-again")
        page.wait_for_timeout(5000)
        shoot(page, "web-camera.png")
        page = visit(viewport=DESKTOP, color_scheme="dark")
        page.eval_on_selector(
            "#split", "(n) => { n.value = 62; n.dispatchEvent(new Event('input')); }"
        )
        shoot(page, "web-desktop.png")
        browser.close()


if __name__ == "__main__":
    main()
