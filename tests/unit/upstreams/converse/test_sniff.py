"""What bytes are taken for, and what documents are called: tables, and properties for names."""

from __future__ import annotations

import io
import re
import zipfile
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.upstreams.converse.names import DocumentNames
from app.upstreams.converse.sniff import (
    HEAD_BYTES,
    audio_format,
    declared,
    detect,
    document_format,
    image_format,
    kind_of,
    video_format,
)

BEDROCK_NAME = re.compile(r"(?!.* {2})[A-Za-z0-9\-()\[\]](?:[A-Za-z0-9\-()\[\] ]{0,198}[A-Za-z0-9\-()\[\]])?")


def archive(*names: str) -> bytes:
    """The same bytes on every call, because they become ids of tests: ZipInfo has a fixed date."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name in names:
            zipped.writestr(zipfile.ZipInfo(name), b"<xml/>" * 50, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def ole(stream: str = "") -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + stream.encode("utf-16-le") + bytes(64)


def iso(brand: bytes) -> bytes:
    return b"\x00\x00\x00\x18ftyp" + brand + b"\x00\x00\x02\x00isommp41"


def ebml(doctype: bytes) -> bytes:
    return b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88" + doctype + bytes(20)


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
MP3 = b"\xff\xfb\x90\x64" + bytes(20)
DOCX = archive("[Content_Types].xml", "_rels/.rels", "docProps/app.xml", "word/document.xml")
XLSX = archive("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")
PPTX = archive("[Content_Types].xml", "_rels/.rels", "ppt/presentation.xml")
ODT = archive("mimetype", "content.xml")
OTHER_ZIP = archive("a.txt", "b/c.txt")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (PNG, "png"), (b"\xff\xd8\xff\xe0\x00\x10JFIF", "jpeg"), (b"GIF87a\x01\x00", "gif"), (b"GIF89a\x01\x00", "gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "webp"), (WAV, None), (b"BM\x36\x00", None), (b"<svg/>", None), (b"", None),
        (b"GIF90a", None), (PNG[:7], None), (b"\xff\xd8", None), (iso(b"avif"), None),
    ],
)  # fmt: skip
def test_images(head: bytes, expected: str | None) -> None:
    assert image_format(head) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (WAV, "wav"), (b"fLaC\x00\x00\x00\x22\x10\x00", "flac"), (b"fLaC is a word", None),
        (b"OggS\x00\x02" + bytes(22) + b"OpusHead\x01", "opus"),
        (b"OggS\x00\x02" + bytes(22) + b"\x01vorbis", "ogg"),
        (b"OggS is a word", None), (b"ID3\x04\x00\x00", "mp3"), (b"ID3 tags are old", None),
        (MP3, "mp3"), (b"\xff\xfd\x90\x64", "mpga"), (b"\xff\xff\x90\x64", None), (b"\xff\xf1\x50\x80", "aac"),
        (b"\xff\xf9\x50\x80", "aac"), (b"\xff\xeb\x90\x64", None), (b"\xff\xfb\xf0\x64", None),
        (b"\xff\xfb\x9c\x64", None),
        (b"\xff\xfb\x90", None), (b"\xff\x0b\x90\x64", None), (b"\xff\xfea\x00b\x00", None),
        (iso(b"M4A "), "m4a"), (iso(b"M4B "), "m4a"), (iso(b"isom"), "mp4"), (iso(b"heic"), None),
        (ebml(b"webm"), "webm"), (ebml(b"matroska"), "mka"), (b"plain text", None), (b"", None),
        (b"RIFF\x24\x00\x00\x00AVI ", None),
    ],
)  # fmt: skip
def test_audio(head: bytes, expected: str | None) -> None:
    assert audio_format(head) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (iso(b"isom"), "mp4"), (iso(b"mp42"), "mp4"), (iso(b"qt  "), "mov"), (iso(b"3gp4"), "three_gp"),
        (iso(b"3g2a"), "three_gp"), (iso(b"M4A "), None), (iso(b"avif"), None), (iso(b"heic"), None),
        (b"\x00\x00\x00\x08wide\x00", "mov"), (b"\x00\x00\x6dxmoov\x00", "mov"), (b"\x01\x02\x03\x04mdat\x00", "mov"),
        (b"the ftypisom", None), (b"the mdat is a box", None), (ebml(b"webm"), "webm"), (ebml(b"matroska"), "mkv"),
        (b"FLV\x01\x05", "flv"), (b"\x00\x00\x01\xba\x44", "mpeg"), (b"\x00\x00\x01\xb3\x14", "mpeg"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "wmv"), (b"RIFF\x24\x00\x00\x00AVI ", None), (b"", None),
    ],
)  # fmt: skip
def test_videos(head: bytes, expected: str | None) -> None:
    assert video_format(head) == expected


DOCUMENTS = [
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "", "", "pdf"),
    (b"%PDF-1.7\n", "text/plain", "notes.txt", "pdf"),
    (b"\x00junk\x00%PDF-1.4", "application/pdf", "", "pdf"),
    (b"\x00" * 1100 + b"%PDF-1.4", "application/pdf", "", None),
    (b"A PDF begins with %PDF-1.4", "text/plain", "", "txt"),
    (DOCX, "application/octet-stream", "", "docx"),
    (DOCX, "application/pdf", "x.xlsx", "docx"),
    (XLSX, "image/png", "", "xlsx"),
    (XLSX, "application/vnd.ms-excel", "old.xls", "xlsx"),
    (PPTX, "", "slides.docx", None),
    (ODT, "application/vnd.oasis.opendocument.text", "letter.odt", None),
    (OTHER_ZIP, "application/zip", "a.zip", None),
    (DOCX[:40], "", "report.docx", "docx"),
    (DOCX[:40], "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "", "xlsx"),
    (DOCX[:40], "application/pdf", "", None),
    (ole("WordDocument"), "", "", "doc"),
    (ole("Workbook"), "application/msword", "", "xls"),
    (ole("PowerPoint Document"), "", "slides.doc", None),
    (ole(), "", "letter.DOC", "doc"),
    (ole(), "application/vnd.ms-excel; charset=binary", "", "xls"),
    (ole(), "", "mail.msg", None),
    (b"# Title", "", "README.md", "md"),
    (b"# Title", "text/markdown", "", "md"),
    (b"# Title", "text/plain", "README.md", "md"),
    (b"a,b\n1,2", "text/csv; charset=utf-8", "", "csv"),
    (b"a,b\n1,2", "application/vnd.ms-excel", "table.csv", "csv"),
    (b"<p>x</p>", "TEXT/HTML", "", "html"),
    (b"\xef\xbb\xbf \n<!DOCTYPE html><p>", "", "", "html"),
    (b"<HTML><table>", "application/vnd.ms-excel", "export.xls", "html"),
    (b"<html>", "text/plain", "", "txt"),
    (b"<?xml version='1.0'?>", "application/xml", "", "txt"),
    (b'{"a": 1}', "application/json", "", "txt"),
    (b"a: 1", "", "x.yaml", "txt"),
    (b"print(1)", "text/x-python", "", "txt"),
    (b"print(1)", "", "x.py", "txt"),
    (b"just text", "", "", "txt"),
    (b"just text", "application/pdf", "x.pdf", "txt"),
    ("Grüße".encode(), "", "", "txt"),
    ("Grüße".encode("latin-1"), "", "", "txt"),
    ("Grüße".encode("utf-16"), "", "", "txt"),
    ("Grüße".encode()[:3], "", "", "txt"),
    (b"text\x00with a zero", "text/plain", "x.txt", None),
    (b"\x7fELF\x02\x01", "", "", None),
    (PNG, "application/pdf", "x.pdf", None),
    (b"", "text/plain", "x.txt", None),
]


@pytest.mark.parametrize(("head", "mime", "filename", "expected"), DOCUMENTS)
def test_documents(head: bytes, mime: str, filename: str, expected: str | None) -> None:
    assert document_format(head, mime=mime, filename=filename) == expected


def test_a_crafted_archive_costs_little() -> None:
    assert document_format(b"PK\x03\x04" + b"PK\x03\x04\xff" * 200_000) is None


@pytest.mark.parametrize(
    ("head", "mime", "filename", "expected"),
    [
        (PNG, "application/pdf", "x.pdf", ("image", "png")),
        (XLSX, "image/png", "x.png", ("document", "xlsx")),
        (iso(b"isom"), "", "", ("video", "mp4")),
        (iso(b"isom"), "audio/mp4", "", ("audio", "mp4")),
        (iso(b"M4A "), "video/mp4", "", ("audio", "m4a")),
        (ebml(b"webm"), "video/webm", "", ("video", "webm")),
        (ebml(b"webm"), "audio/webm;codecs=opus", "", ("audio", "webm")),
        (ebml(b"matroska"), "", "song.mka", ("audio", "mka")),
        (b"FLV\x01\x05\x00", "audio/flv", "", ("video", "flv")),
        (MP3, "", "", ("audio", "mp3")),
        (b"<svg/>", "image/svg+xml", "", ("document", "txt")),
        (iso(b"heic"), "image/heic", "", None),
        (b"", "", "", None),
    ],
)  # fmt: skip
def test_files_of_unknown_kind(head: bytes, mime: str, filename: str, expected: tuple[str, str] | None) -> None:
    assert detect(head, mime=mime, filename=filename) == expected


@pytest.mark.parametrize(
    ("mime", "filename", "expected"),
    [
        ("image/tiff", "", "image"), ("IMAGE/JPG; q=1", "", "image"), ("application/pdf", "x.png", "document"),
        ("application/ogg", "", "audio"), ("audio/unheard-of", "", "audio"), ("video/avi", "", "video"),
        ("text/x-unheard-of", "", "document"), ("application/octet-stream", "x.PDF", "document"),
        ("", "film.mov", "video"), ("", "sound.opus", "audio"), ("", "csv", None), ("", "", None), ("", "x.exe", None),
    ],
)  # fmt: skip
def test_declared_kinds(mime: str, filename: str, expected: str | None) -> None:
    assert kind_of(mime=mime, filename=filename) == expected


def test_declared_formats() -> None:
    assert declared("image", mime="image/jpg") == "jpeg"
    assert declared("image", filename="s3://bucket/Photo.JPG") == "jpeg"
    assert declared("image", mime="image/bmp", filename="x.bmp") is None
    assert declared("video", filename="clip.3gp") == "three_gp"
    assert declared("audio", mime="audio/mpeg") == "mp3"
    assert declared("audio", mime="audio/L16;rate=16000") == "pcm"
    assert declared("document", mime="text/x-c") == "txt"
    assert declared("document", mime="text/plain", filename="x.md") == "md"
    assert declared("image", mime="text/plain") is None
    assert declared("document") is None


def test_the_head_of_a_large_file_can_be_cut_from_its_base64() -> None:
    text = b64encode(PNG + bytes(200_000)).decode()
    assert image_format(b64decode(text[: HEAD_BYTES * 4 // 3])) == "png"


@given(st.binary(max_size=100), st.text(max_size=30), st.text(max_size=30))
def test_nothing_is_too_odd_to_look_at(head: bytes, mime: str, filename: str) -> None:
    for prefix in (
        b"",
        b"PK\x03\x04",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"\xff\xfb",
        b"\x00\x00\x00\x18ftyp",
        b"%PDF-",
    ):
        found = detect(prefix + head, mime=mime, filename=filename)
        assert found is None or found[0] in ("image", "document", "audio", "video")


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("report.pdf", "report"), ("Q3 report (final) [v2].docx", "Q3 report (final) [v2]"),
        ("plan_März.pdf", "plan Marz"),
        ("Straße Łódź Øre.txt", "Strasse Lodz Ore"), ("报告.pdf", "document"), ("报告 2024.pdf", "2024"),
        ("", "document"), ("...", "document"), ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\letter.doc", "letter"), (".env", "env"),
        ("archive.tar.gz", "archive tar"), ("version 1.2", "version 1 2"),
        ("a   b\t\nc.md", "a b c"), ("folder/", "document"),
        ("x" * 300 + ".pdf", "x" * 200), ("x" * 199 + " y", "x" * 199), ("\ud800\u202eevil.pdf", "evil"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}\N{LATIN SMALL LIGATURE FI}.pdf", "Afi"),
        ("ignore'; all.txt", "ignore all"),
    ],
)  # fmt: skip
def test_names(filename: str, expected: str) -> None:
    assert DocumentNames().new(filename) == expected


@pytest.mark.parametrize(
    ("filenames", "expected"),
    [
        (["report", "report (2)", "REPORT (3)", "report.pdf"], "report (4)"),
        (["report", "Report.docx"], "Report (2)"),
        (["x" * 200, "x" * 210], "x" * 196 + " (2)"),
        (["a"] * 10, "a (10)"),
        (["x" * 195 + "a", "x" * 195 + "b", "x" * 195 + "b", "x" * 195 + "a"], "x" * 195 + "a (3)"),
    ],
)
def test_names_are_told_apart(filenames: list[str], expected: str) -> None:
    names = DocumentNames()
    assert [names.new(filename) for filename in filenames][-1] == expected


filenames = st.one_of(st.text(max_size=260), st.text(alphabet="aA .(2)[-]_/ä", max_size=12))


@given(st.lists(filenames, max_size=12))
def test_names_are_always_valid_unique_and_the_same_again(given_names: list[str]) -> None:
    def name_all() -> list[str]:
        document_names = DocumentNames()
        return [document_names.new(filename) for filename in given_names]

    names = name_all()
    assert all(BEDROCK_NAME.fullmatch(name) for name in names)
    assert len({name.lower() for name in names}) == len(names)
    assert names == name_all()


@given(filenames)
def test_a_valid_name_stays_as_it_is(filename: str) -> None:
    name = DocumentNames().new(filename)
    assert DocumentNames().new(name) == name
