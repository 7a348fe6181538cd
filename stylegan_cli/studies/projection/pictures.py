"""The pictures to project: files, folders, zips, data sets, seeds and codes, as the network
draws them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import chain, count
from pathlib import Path, PurePath

import numpy as np
from jaxtyping import Float32
from PIL import Image

from stylegan_cli.data import Entry, Source, entry_path, printable
from stylegan_cli.data.decoding import Upright, decoded, reasons
from stylegan_cli.data.formats import UnusableImageError
from stylegan_cli.data.levels import own_levels
from stylegan_cli.data.pictures import SMALLEST, Fit, Target, fit_picture, flatten
from stylegan_cli.data.sources import open_sources
from stylegan_cli.errors import DataError, UsageError, meant
from stylegan_cli.files import similar
from stylegan_cli.latents.codes import Codes
from stylegan_cli.latents.lookup import codes_of_picks
from stylegan_cli.latents.references import Pick
from stylegan_cli.latents.sampling import PLAIN, Sampling
from stylegan_cli.networks.snapshot import Network
from stylegan_cli.rendering.store import is_study
from stylegan_cli.runtime import numpy_stream
from stylegan_cli.shapes import Picture
from stylegan_cli.studies.projection.alignment import Quad, align, face_quad, read_points

LONGEST_NAME = 200
"""Bytes; names of files made of it, which have up to 255, are longer."""

Given = Path | Pick
"""A file or folder of pictures, or a seed or code whose image is the picture."""


@dataclass(frozen=True, kw_only=True)
class Framing:
    """Settings for making pictures square.

    Attributes:
        fit: As for `Target`.
        background: Colour behind transparent pixels and of bars.
        points: A file of points of faces, which are turned like the network's training faces.
        mask: A grey picture; what is black in it does not count.
    """

    fit: Fit = "crop"
    background: str = "white"
    points: Path | None = None
    mask: Path | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A picture to project.

    Attributes:
        name: Of its file, without folders and suffix; unlike any other's.
        key: Equal for equal pixels and equal masks.
        load: Loads the pixels.
        enlarged: It was smaller than what the network draws.
        quad: The turned square, where a face was aligned.
        original: Loads the whole picture that a turned square is part of.
        truth: The code it was drawn from, if the network drew it.
        is_check: It is one of the network's own, to measure the others by.
    """

    name: str
    key: str
    load: Callable[[], Picture]
    enlarged: bool = False
    quad: Quad | None = None
    original: Callable[[], Image.Image] | None = None
    truth: Float32[np.ndarray, "num_ws w_dim"] | None = None
    is_check: bool = False


@dataclass(frozen=True, kw_only=True)
class Unusable:
    """A picture that was left out, and why."""

    name: str
    reason: str


class Album:
    """Pictures to project, read one at a time.

    Attributes:
        subjects: Those that can be used, equal ones once.
        unusable: The others.
        studies: Files of studies among the sources, whose images these are.
        mask: `[height, width]`, 1 where a difference counts; None where all of it does.

    Args:
        given: Sources; those that cannot be opened are left out.
        sampling: Settings for turning seeds into images.
        checks: So many images of the network's own are added.
        seed: Chooses those.
        but: A folder whose pictures are none of these, such as that of the result.
    """

    def __init__(
        self,
        network: Network,
        given: Sequence[Given],
        framing: Framing,
        *,
        sampling: Sampling = PLAIN,
        checks: int = 0,
        seed: int = 0,
        but: Path | None = None,
    ) -> None:
        self._network, self._sampling = network, sampling
        self._size = network.sizes.grown_size
        if self._size.longer < SMALLEST:
            raise UsageError(
                f"project: this network draws {self._size} so far, too few pixels to compare; "
                f"train it to {SMALLEST} px or more"
            )
        self._target = Target(
            resolution=self._size.value,
            channels=network.sizes.channels,
            fit=framing.fit,
            background=framing.background,
        )
        if framing.points is not None and not self._size.is_square:
            raise UsageError(
                f"faces are aligned as squares, and this network draws {self._size}; leave it out",
                parameter="align",
            )
        self._points = None if framing.points is None else read_points(framing.points)
        self._stack, self._but = ExitStack(), None if but is None else but.absolute()
        self.mask = None if framing.mask is None else _read_mask(framing.mask, self._target)
        self._mark = b"" if self.mask is None else self.mask.tobytes()
        found = [*self._found(given), *self._checks(checks, seed)]
        self.studies = [each for each in given if isinstance(each, Path) and is_study(each)]
        self.unusable = tuple(each for each in found if isinstance(each, Unusable))
        usable = {each.key: each for each in reversed(found) if isinstance(each, Subject)}
        taken: set[str] = set()
        self.subjects = tuple(
            replace(each, name=free_name(each.name, taken)) for each in reversed(usable.values())
        )

    def __enter__(self) -> "Album":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _found(self, given: Sequence[Given]) -> Iterator[Subject | Unusable]:
        for each in given:
            if isinstance(each, Path):
                yield from self._of_path(each)
            else:
                yield from self._drawn([each])

    def _of_path(self, path: Path) -> Iterator[Subject | Unusable]:
        try:
            (source,) = self._stack.enter_context(open_sources([path]))
        except DataError as error:
            yield Unusable(name=printable(str(path)), reason=str(error).removeprefix(f"{path}: "))
            return
        found = False
        for entry in source.entries():
            own = path.is_dir() and self._but in (path / entry.name).absolute().parents
            if not own:
                found = True
                yield self._of_entry(source, entry)
        if not found:
            yield Unusable(name=printable(str(path)), reason="holds no pictures")

    def _of_entry(self, source: Source, entry: Entry) -> Subject | Unusable:
        name = entry_path(source, entry)
        try:
            with reasons():
                quad = self._quad(entry.name)
                pixels, enlarged = self._square(source, entry, quad)
        except UnusableImageError as error:
            return Unusable(name=name, reason=printable(str(error)))
        return Subject(
            name=printable(PurePath(entry.name).stem),
            key=self._key(pixels),
            load=lambda: self._square(source, entry, quad)[0],
            enlarged=enlarged,
            quad=quad,
            original=None if quad is None else lambda: self._whole(source, entry),
        )

    def _quad(self, name: str) -> Quad | None:
        if self._points is None:
            return None
        name = PurePath(name).name
        if name not in self._points:
            lead = meant(name, self._points)
            raise UnusableImageError(f"the list of points has no line for it{lead}")
        return face_quad(self._points[name])

    def _square(self, source: Source, entry: Entry, quad: Quad | None) -> tuple[Picture, bool]:
        with source.open(entry) as image:
            if quad is not None:
                image = Upright(align(self._flat(image), quad, self._size.height))
            fitted = fit_picture(image, replace(self._target, levels=own_levels(source)))
        return fitted.pixels, fitted.enlarged

    def _whole(self, source: Source, entry: Entry) -> Image.Image:
        with source.open(entry) as image:
            return self._flat(image)

    def _flat(self, image: Upright) -> Image.Image:
        """Return a picture in 8 bits, on the background unless the network draws alpha."""
        channels = 4 if self._target.channels == 4 else 3
        return flatten(image.whole(), channels, self._target.background)

    def _drawn(self, picks: Sequence[Pick], *, checks: bool = False) -> Iterator[Subject]:
        picked = codes_of_picks(self._network, picks, self._sampling)
        for i, name in enumerate(picked.names):
            load = partial(self._own_image, picked.codes[i : i + 1])
            yield Subject(
                name=f"check {i}" if checks else name,
                key=self._key(load()),
                load=load,
                truth=picked.codes.ws[i],
                is_check=checks,
            )

    def _own_image(self, code: Codes) -> Picture:
        """Return an image of the network at its present resolution."""
        from stylegan_cli.rendering.render import draw_codes, to_pixels

        pixels: Picture = to_pixels(draw_codes(self._network.G, code))[0]
        step = len(pixels) // self._size.height
        return pixels[::step, ::step]

    def _checks(self, count: int, seed: int) -> Iterator[Subject]:
        seeds = numpy_stream(seed, "projection check").integers(2**32, size=count)
        return self._drawn(seeds.tolist(), checks=True) if count else iter(())

    def _key(self, pixels: Picture) -> str:
        return sha256(repr(pixels.shape).encode() + pixels.tobytes() + self._mark).hexdigest()


def free_name(name: str, taken: set[str]) -> str:
    """Return the name, or with a number if it is taken; it is from now on.

    Args:
        taken: In lower case, as not all file systems tell A.png from a.png.
    """
    short = name.encode()[:LONGEST_NAME].decode(errors="ignore")
    numbered = chain([short], (f"{short}-{number}" for number in count(2)))
    found = next(each for each in numbered if each.casefold() not in taken)
    taken.add(found.casefold())
    return found


def _read_mask(path: Path, target: Target) -> Float32[np.ndarray, "height width"]:
    grey = replace(target, channels=1, filter="box", background="black")
    if not path.is_file():
        raise DataError(f"{path}: there is no such file{similar(path)}")
    try:
        with reasons(), path.open("rb") as file, decoded(file, path.name) as image:
            mask = fit_picture(image, grey).pixels[:, :, 0]
    except UnusableImageError as error:
        raise DataError(f"{path}: cannot be used as a mask: {error}") from None
    if not mask.any():
        raise DataError(
            f"{path}: the mask is all black, so nothing would count; white marks what counts"
        )
    weights: np.ndarray = mask.astype(np.float32) / 255
    return weights
