"""Makes a web page of models: photos and the camera, in the browser, also offline.

python -m export.web --run RUN... --out DIR [--serve]
python -m export.web --model FILE.tflite... --out DIR [--serve]
"""

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from export.conversion.app_options import model_option, models_option, variant_option
from tf_i2i.command_line import option_group, parse, run_command
from tf_i2i.errors import UserError, one_line
from tf_i2i.files import require_writable

_page = option_group("page")

_EPILOG = """\
The folder is a whole site: copy it to any static host, also below a path. Photos stay in the browser. On
localhost and over https, it can be installed, has the camera, and works offline after the first visit.
LiteRT.js runs the models; its npm package (12 MB) is fetched once, with npm, into ~/.cache/tf_i2i. With several threads
where the host sends the headers in the folder's _headers file, as --serve does.

  python -m export.web --run runs/mine --out site/ --serve
  python -m export.web --run runs/monet runs/klimt --title "Two painters" --out site/
  python -m export.web --model monet.tflite --out site/

Exit status: 0 done, 2 wrong usage or unusable files, 130 or 143 interrupted."""


@dataclass(frozen=True)
class WebOptions:
    run: tuple[str, ...] = models_option((), "run folders; default: the newest run", metavar="RUN")
    variant: tuple[str, ...] = variant_option()
    model: tuple[str, ...] = model_option()
    out: str | None = _page(None, "folder for the page (needed)", metavar="DIR")
    title: str = _page("Photo styles", "of the page", metavar="TEXT")
    litert: str | None = _page(
        None,
        "tarball of @litertjs/core, for machines without a network; default: fetched with npm",
        metavar="FILE.tgz",
    )
    serve: int | None = _page(
        None,
        "then serve the page on localhost until Ctrl-C; default: not; port without a number: 8000",
        metavar="PORT",
        minimum=0,
        maximum=65535,
        alone=8000,
    )


def main(argv: list[str] | None = None) -> int:
    options = parse(WebOptions, argv, "export.web", __doc__, _EPILOG)
    if options.out is None:
        raise UserError("--out is missing: name the folder for the page")
    out = Path(options.out)
    # Here, as --help does without them.
    from export.conversion.app_files import app_files
    from export.web_app.litert_js import litert_files
    from export.web_app.site_files import make_site, require_site_folder, write_site
    from export.web_app.site_server import SiteServer

    require_site_folder(out)
    require_writable(out, f"--out {one_line(out)}")
    server = None if options.serve is None else SiteServer(out, options.serve)
    models = app_files(options.run, options.variant, options.model)
    write_site(make_site(options.title, models, litert_files(options.litert)), out)
    for model in models:
        print(f"{model.title}: {one_line(model.path)}")
    print(f"page with {len(models)} model{'s' * (len(models) > 1)} in {one_line(out)}")
    if server:
        with server:
            print(f"{server.address}, until Ctrl-C", flush=True)
            server.serve_forever()
    return 0


if __name__ == "__main__":
    # As an exception, so that no half-written file stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run_command(main)
