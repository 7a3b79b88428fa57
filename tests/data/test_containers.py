"""Only containers of a list are opened, only the file itself, and only within bounds."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from fgsgl.data.video.containers import BadVideo, open_video
from fgsgl.data.video.video_file import examine, probe, read_frames
from tests.data.odd_videos import corners, greys, noisy, write


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video outside the data set."""
    return write(tmp_path_factory.mktemp("outside") / "secret.ts", greys(), container="mpegts")


def playlists(secret: Path) -> dict[str, str]:
    return {
        "HLS": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n",
        "HLS with a key": f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{secret}"\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n',
        "concat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "DASH": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        f'<AdaptationSet mimeType="video/mp4"><Representation id="1"><BaseURL>{secret}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>\n",
        "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "text": "a\n" * 1000,
        "SVG": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{secret}"/></svg>\n',
    }


@pytest.mark.parametrize("kind", playlists(Path()))
def test_a_list_of_other_files_is_refused(kind: str, secret: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "a.m3u8", "a.ts"):
        (tmp_path / name).write_text(playlists(secret)[kind])
        with pytest.raises(BadVideo) as error:
            probe(tmp_path / name)
        assert str(tmp_path / name) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_a_still_picture_is_refused(kind: str, tmp_path: Path) -> None:
    Image.fromarray(corners(1)[0]).save(tmp_path / "a.mp4", kind)
    with pytest.raises(BadVideo, match=r"a\.mp4"):
        probe(tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["concat:a|b.mp4", "-i.mp4", "a%03d.mp4", "http:a.mp4", "pipe:0", "'a b';$(x).mp4"])
def test_a_name_is_no_order(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("plain.mp4"), greys(5)).rename(name)
    assert examine(Path(name)).num_frames == 5


def test_a_name_that_is_not_utf8_is_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4"))
    write(tmp_path / "plain.mp4", greys(5)).rename(path)
    assert examine(path).num_frames == 5


def test_a_data_reference_to_another_file_is_not_followed(secret: Path, tmp_path: Path) -> None:
    """QuickTime may keep its pictures in another file, which an alias in `dref` names."""
    video = write(tmp_path / "a.mov", greys(5))
    content = video.read_bytes()
    at = content.index(b"dref") - 4
    alias = b"\0" * 150 + b"\0\2" + len(str(secret)).to_bytes(2, "big") + str(secret).encode() + b"\xff\xff"
    entry = (12 + len(alias)).to_bytes(4, "big") + b"alis" + b"\0\0\0\0" + alias
    dref = (16 + len(entry)).to_bytes(4, "big") + b"dref" + b"\0\0\0\0" + b"\0\0\0\1" + entry
    grown = bytearray(content[:at] + dref + content[at + 28 :])
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        start = grown.index(parent) - 4
        grown[start : start + 4] = (int.from_bytes(grown[start : start + 4], "big") + len(dref) - 28).to_bytes(4, "big")
    video.write_bytes(grown)
    with open_video(video) as (container, _, _):
        assert container.streams.video[0].codec_context.name == "h264"
    with pytest.raises(BadVideo, match=r"a\.mov has no frame"):
        examine(video)


def test_a_picture_of_an_absurd_size_is_refused(tmp_path: Path) -> None:
    video = write(tmp_path / "a.avi", greys(3), "mjpeg", pix_fmt="yuvj420p")
    content = bytearray(video.read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = (60_000).to_bytes(2, "big") * 2
    video.write_bytes(content)
    with pytest.raises(BadVideo, match=r"a\.avi"):
        examine(video)


def test_the_stream_that_a_player_shows_is_read(tmp_path: Path) -> None:
    cover, shown = noisy(1, 64), greys(10)
    with av.open(str(tmp_path / "a.mkv"), "w") as file:
        streams = []
        for frames, codec, pix_fmt in ((cover, "mjpeg", "yuvj420p"), (shown, "libx264", "yuv420p")):
            stream = file.add_stream(codec, rate=25)
            stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pix_fmt
            streams.append((stream, frames))
        streams[0][0].disposition = av.stream.Disposition.attached_pic
        for stream, frames in streams:
            for pixels in frames:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            file.mux(stream.encode())
    assert examine(tmp_path / "a.mkv").num_frames == 10


def test_a_file_with_sound_alone_is_named(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        stream = file.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    with pytest.raises(BadVideo, match=r"a\.mp4 holds no video stream, but audio"):
        probe(tmp_path / "a.mp4")


def test_an_animated_picture_is_a_video(tmp_path: Path) -> None:
    pictures = [Image.fromarray(frame) for frame in noisy(12, 64)]
    for kind in ("GIF", "PNG"):
        pictures[0].save(tmp_path / "a.mp4", kind, save_all=True, append_images=pictures[1:], duration=40)
        found = examine(tmp_path / "a.mp4")
        assert (found.num_frames, found.damage) == (12, "")


def test_colours_are_those_that_were_filmed(tmp_path: Path) -> None:

    expected = corners(2)
    formats = (("mjpeg", "yuvj420p"), ("libx264", "yuv420p10le"), ("libx264rgb", "rgb24"), ("png", "rgba"))
    for codec, pix_fmt in formats:
        read = read_frames(write(tmp_path / f"{codec}.mov", expected, codec, pix_fmt=pix_fmt), [0])
        assert np.abs(read[0].astype(int) - expected[0]).mean() < 6
