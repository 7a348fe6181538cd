"""Pictures embedded in the page: reduced, re-encoded, written as text."""

import io
import warnings
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from stylegan_cli.data.decoding import Extent
from stylegan_cli.errors import DataError
from stylegan_cli.figures.png import to_image
from stylegan_cli.report.markup import Html, element
from stylegan_cli.shapes import Picture

QUALITY = 85
"""Quality of WebP: a page holds seven times as many pictures as with PNG."""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A picture in the page.

    Attributes:
        source: Value of an image's `src`.
        original: Size of the original picture.
    """

    source: str
    size: Extent
    original: Extent

    @property
    def is_reduced(self) -> bool:
        return self.original != self.size


def image_of(picture: Photo, description: str) -> Html:
    """Return the element that shows a picture."""
    width, height = picture.size
    return element("img", src=picture.source, width=width, height=height, alt=description)


def photo(path: Path, longest: int) -> Photo:
    """Read a picture from a file, reduced if a side is longer.

    Raises:
        DataError: It is damaged or not a picture.
    """
    try:
        with warnings.catch_warnings():
            # warning of pictures so large that they may be an attack
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG",)) as image:
                return _encoded(image, longest)
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not a readable picture ({reason}); left out") from error


def photo_of_pixels(pixels: Picture, longest: int) -> Photo:
    """Encode a picture from an array, reduced if a side is longer."""
    return _encoded(to_image(pixels), longest)


def source_of(path: Path) -> str | None:
    """Return the origin that a PNG records."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            source = image.info.get("Source")
    except Exception:  # `photo` reports the error
        return None
    return str(source) if source is not None else None


def _encoded(image: Image.Image, longest: int) -> Photo:
    original = image.size
    shown = image.convert("RGBA" if image.has_transparency_data else "RGB")
    shown.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=3)
    buffer = io.BytesIO()
    shown.save(buffer, "WEBP", quality=QUALITY)
    source = f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode('ascii')}"
    return Photo(source=source, size=shown.size, original=original)
