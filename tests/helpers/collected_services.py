"""Answers in the formats that the services document, written by hand, with made-up works; and posts as
Instagram's data exports list them.
"""

import json
import zipfile
from pathlib import Path

from picture_server import PictureServer, Reply, picture

WORKS = 7


def add_pictures(server: PictureServer, folder: str = "/images", count: int = WORKS) -> None:
    for number in range(count):
        server.routes[f"{folder}/{number}.jpg"] = Reply(picture(number))


def serve_wikiart(
    server: PictureServer, count: int = WORKS, page_size: int = 3, artist: str = "ada-lind"
) -> None:
    """www.wikiart.org/en/ARTIST?json=2&page=N"""
    add_pictures(server, "/images/ada-lind", count)

    def page(query: dict) -> Reply:
        start = (int(query.get("page", 1)) - 1) * page_size
        paintings = [
            {
                "id": f"57726f1aedc2cb3880b4{n:04}",
                "title": f"Garden No. {n} – \u201cMärz\u201d",
                "year": str(1900 + n),
                "width": 96,
                "height": 72,
                "artistName": "Ada Lind",
                "image": f"{server.url}/images/ada-lind/{n}.jpg!Large.jpg",
                "map": "0123**67*",
                "paintingUrl": f"/en/ada-lind/garden-{n}",
                "artistUrl": "/en/ada-lind",
                "albums": None,
                "flags": 2,
                "images": None,
            }
            for n in range(start, min(start + page_size, count))
        ]
        answer = {
            "ArtistsHtml": None,
            "CanLoadMoreArtists": False,
            "Paintings": paintings or None,
            "Artists": None,
            "AllArtistsCount": 0,
            "PaintingsHtml": None,
            "AllPaintingsCount": count,
            "PageSize": page_size,
            "TimeLog": None,
        }
        return Reply(json.dumps(answer).encode(), "application/json; charset=utf-8")

    server.routes[f"/en/{artist}"] = page
    for number in range(count):
        server.routes[f"/images/ada-lind/{number}.jpg!Large.jpg"] = server.routes[
            f"/images/ada-lind/{number}.jpg"
        ]


def serve_met(server: PictureServer, artist: str = "Ada Lind") -> None:
    """collectionapi.metmuseum.org: number 1 is in copyright, number 2 was withdrawn."""
    add_pictures(server)

    def search(query: dict) -> Reply:
        assert (
            query["artistOrCulture"] == "true"
            and query["q"] == artist
            and 1 <= int(query["limit"]) <= 500
        )
        numbers = list(range(WORKS))[int(query["offset"]) :]
        return Reply(
            json.dumps({"total": WORKS, "objectIDs": numbers or None}).encode(), "application/json"
        )

    server.routes["/public/collection/v1.1/search"] = search
    for number in range(WORKS):
        free = number != 1
        server.add_json(
            f"/public/collection/v1/objects/{number}",
            {
                "objectID": number,
                "isHighlight": False,
                "accessionNumber": f"36.100.{number}",
                "isPublicDomain": free,
                "primaryImage": f"{server.url}/images/{number}.jpg" if free else "",
                "primaryImageSmall": f"{server.url}/images/{number}.jpg" if free else "",
                "additionalImages": [],
                "department": "Modern Art",
                "objectName": "Painting",
                "title": f"Garden {number}",
                "artistDisplayName": "Ada Lind",
                "objectDate": f"ca. {1900 + number}",
                "medium": "Oil on canvas",
                "rightsAndReproduction": "",
                "objectURL": f"https://www.metmuseum.org/art/collection/search/{number}",
            },
        )
    server.routes["/public/collection/v1/objects/2"] = Reply(
        b'{"message": "Not a valid object"}', "application/json", 404
    )


def serve_artic(server: PictureServer) -> None:
    """api.artic.edu, two works a page; number 1 is in copyright, number 3 has no image."""
    for number in range(WORKS):
        for side in (843, 1686):
            server.routes[f"/iiif/2/id-{number}/full/{side},/0/default.jpg"] = Reply(
                picture(number)
            )

    def search(query: dict) -> Reply:
        wanted = json.loads(query["params"])
        assert wanted["query"]["bool"]["must"][0]["match"]["artist_title"]["query"] == "Ada Lind"
        assert wanted["limit"] <= 100 and wanted["page"] * wanted["limit"] <= 10_000
        page, size = wanted["page"], 2
        works = [
            {
                "id": number,
                "title": f"Garden {number}",
                "artist_title": "Ada Lind",
                "artist_display": "Ada Lind\nSwedish",
                "date_display": str(1900 + number),
                "image_id": None if number == 3 else f"id-{number}",
                "is_public_domain": number != 1,
                "copyright_notice": "© Ada Lind Estate" if number == 1 else None,
            }
            for number in range((page - 1) * size, min(page * size, WORKS))
        ]
        answer = {
            "preference": None,
            "pagination": {
                "total": WORKS,
                "limit": size,
                "offset": (page - 1) * size,
                "total_pages": 4,
                "current_page": page,
            },
            "data": works,
            "info": {
                "license_text": "The data in this response is licensed under CC0.",
                "version": "1.13",
            },
            "config": {"iiif_url": f"{server.url}/iiif/2", "website_url": "https://www.artic.edu"},
        }
        return Reply(json.dumps(answer).encode(), "application/json")

    server.routes["/api/v1/artworks/search"] = search


def serve_rijksmuseum(server: PictureServer) -> None:
    """data.rijksmuseum.nl: search pages of three, and three Linked Art records a work; number 1 is
    CC BY, 3 has no file.
    """
    english, dutch = (
        {"id": f"http://vocab.getty.edu/aat/{n}", "type": "Language"}
        for n in (300388277, 300388256)
    )

    def search(query: dict) -> Reply:
        assert query["creator"] == "Ada Lind" and query["imageAvailable"] == "true"
        start = int(query.get("pageToken", 0))
        answer = {
            "@context": "https://linked.art/ns/v1/search.json",
            "id": f"{server.url}/search/collection",
            "type": "OrderedCollectionPage",
            "partOf": {
                "id": f"{server.url}/search/collection",
                "type": "OrderedCollection",
                "totalItems": WORKS,
            },
            "orderedItems": [
                {"id": f"{server.url}/200{n}", "type": "HumanMadeObject"}
                for n in range(start, min(start + 3, WORKS))
            ],
        }
        if start + 3 < WORKS:
            onwards = f"{server.url}/search/collection?creator=Ada+Lind&imageAvailable=true&pageToken={start + 3}"
            answer["next"] = {"id": onwards, "type": "OrderedCollectionPage"}
        return Reply(json.dumps(answer).encode(), "application/ld+json")

    server.routes["/search/collection"] = search
    for n in range(WORKS):
        server.routes[f"/iiif/{n}/full/!1280,1280/0/default.jpg"] = Reply(picture(n))
        server.add_json(
            f"/200{n}",
            {
                "id": f"{server.url}/200{n}",
                "type": "HumanMadeObject",
                "identified_by": [
                    {"type": "Name", "content": f"Tuin {n}", "language": [dutch]},
                    {"type": "Name", "content": f"Garden {n}", "language": [english]},
                    {"type": "Identifier", "content": f"SK-A-{n}"},
                ],
                "produced_by": {
                    "type": "Production",
                    "timespan": {
                        "type": "TimeSpan",
                        "identified_by": [{"type": "Name", "content": str(1900 + n)}],
                    },
                    "part": [
                        {
                            "type": "Production",
                            "referred_to_by": [{"type": "LinguisticObject", "content": "Ada Lind"}],
                        }
                    ],
                },
                "shows": [{"id": f"{server.url}/202{n}", "type": "VisualItem"}],
            },
        )
        licence = "licenses/by/4.0/" if n == 1 else "publicdomain/mark/1.0/"
        server.add_json(
            f"/202{n}",
            {
                "id": f"{server.url}/202{n}",
                "type": "VisualItem",
                "subject_to": [
                    {
                        "type": "Right",
                        "classified_as": [
                            {"id": f"https://creativecommons.org/{licence}", "type": "Type"}
                        ],
                        "identified_by": [
                            {"type": "Name", "content": "CC BY 4.0" if n == 1 else "Public Domain"}
                        ],
                    }
                ],
                "digitally_shown_by": []
                if n == 3
                else [{"id": f"{server.url}/500{n}", "type": "DigitalObject"}],
            },
        )
        server.add_json(
            f"/500{n}",
            {
                "id": f"{server.url}/500{n}",
                "type": "DigitalObject",
                "access_point": [
                    {"id": f"{server.url}/iiif/{n}/full/max/0/default.jpg", "type": "DigitalObject"}
                ],
            },
        )


def serve_wikimedia(server: PictureServer) -> None:
    """commons.wikimedia.org/w/api.php, three files an answer; number 1 is CC BY-SA, number 3 a PDF."""
    add_pictures(server)

    def api(query: dict) -> Reply:
        assert (
            query["action"] == "query"
            and query["prop"] == "imageinfo"
            and query["formatversion"] == "2"
        )
        category = query["generator"] == "categorymembers"
        start = int(query.get("gcmcontinue" if category else "gsroffset", 0))
        pages = [
            {
                "pageid": 100 + n,
                "ns": 6,
                "title": f"File:Garden {n}.jpg",
                "index": n + 1,
                "imagerepository": "local",
                "imageinfo": [
                    {
                        "size": 9999,
                        "width": 4000,
                        "height": 3000,
                        "mime": "application/pdf" if n == 3 else "image/jpeg",
                        "thumburl": f"{server.url}/images/{n}.jpg",
                        "thumbwidth": 1280,
                        "thumbheight": 960,
                        "url": f"{server.url}/original/{n}.jpg",
                        "descriptionurl": f"https://commons.wikimedia.org/wiki/File:Garden_{n}.jpg",
                        "extmetadata": {
                            "ObjectName": {
                                "value": f"Garden {n}",
                                "source": "mediawiki-metadata",
                                "hidden": "",
                            },
                            "Artist": {
                                "value": '<a href="//x"><b>Ada</b>&nbsp;Lind</a>',
                                "source": "commons-desc-page",
                            },
                            "DateTimeOriginal": {
                                "value": str(1900 + n),
                                "source": "commons-desc-page",
                            },
                            "License": {
                                "value": "cc-by-sa-4.0" if n == 1 else "pd",
                                "source": "commons-templates",
                            },
                            "LicenseShortName": {
                                "value": "CC BY-SA 4.0" if n == 1 else "Public domain"
                            },
                        },
                    }
                ],
            }
            for n in reversed(range(start, min(start + 3, WORKS)))
        ]
        answer = {"batchcomplete": True, "query": {"pages": pages}}
        if start + 3 < WORKS:
            key = "gcmcontinue" if category else "gsroffset"
            answer["continue"] = {key: start + 3, "continue": f"{key}||"}
        return Reply(json.dumps(answer).encode(), "application/json; charset=utf-8")

    server.routes["/w/api.php"] = api


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def mojibake(text: str) -> str:
    """As the exports write texts: each byte of the UTF-8 as a letter."""
    return text.encode().decode("latin-1")


def media(uri: str, title: str = "", time: int = 1_700_000_000) -> dict:
    return {
        "uri": uri,
        "creation_timestamp": time,
        "title": mojibake(title),
        "media_metadata": {"camera_metadata": {"has_camera_metadata": False}},
        "cross_post_source": {"source_app": "FB"},
    }
