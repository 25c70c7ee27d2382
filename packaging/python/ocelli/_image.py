"""Pictures: from paths, from the bytes of files, from arrays and from PIL, neither of which is needed."""

from __future__ import annotations

import ctypes as c
import os
from typing import Any, Optional, Tuple, Union

from ._library import Handle, ImageOptions, check, lib

Picture = Union["Image", str, "os.PathLike[str]", bytes, bytearray, memoryview, Any]
"""What can be given for a picture: an :class:`Image`; the path of a PNG or JPEG file; the bytes of one; an array of 8-bit
pixels, height x width or height x width x 1, 3 or 4 (numpy's, or whatever else has the buffer protocol); or an image of PIL."""

_ORDERS = {("rgb", 3): 0, ("rgb", 4): 1, ("bgr", 3): 2, ("bgr", 4): 3, ("rgb", 1): 4, ("bgr", 1): 4}


class Image(Handle):
    """A picture in memory, 8-bit RGB. ``order`` says what comes first in an array's pixels, "rgb" or "bgr"; a fourth value of
    a pixel is not looked at.

    ``upright`` turns the picture in a file as its EXIF orientation says; ``background`` is a colour, red, green and blue from 0
    to 255, that is blended with what is transparent in a file. Without them both count for nothing, as for the models'
    originals."""

    _close = lib.ocelli_image_close

    def __init__(self, picture: Picture, *, order: str = "rgb", upright: bool = False,
                 background: Optional[Tuple[int, int, int]] = None) -> None:
        if order not in ("rgb", "bgr"):
            raise ValueError("order is %r: 'rgb' or 'bgr'" % (order,))
        if isinstance(picture, (str, os.PathLike)):
            options = _options(upright, background)
            self._open(lib.ocelli_image_open_with, os.fsencode(picture), None, 0, c.byref(options))
        elif hasattr(picture, "convert") and hasattr(picture, "tobytes") and hasattr(picture, "size"):
            pixels = picture if picture.mode == "RGB" else picture.convert("RGB")
            _only_files(upright, background)
            self._pixels(pixels.tobytes(), pixels.size[0], pixels.size[1], 0)
        else:
            self._buffer(picture, order, upright, background)

    def _buffer(self, picture: Any, order: str, upright: bool, background: Optional[Tuple[int, int, int]]) -> None:
        try:
            view = memoryview(picture)
        except TypeError:
            message = "a picture is a path, the bytes of a file, an array of pixels or an image of PIL, not %s"
            raise TypeError(message % type(picture).__name__) from None
        if view.ndim == 1:
            data = view.tobytes()
            self._open(lib.ocelli_image_open_with, None, data, len(data), c.byref(_options(upright, background)))
            return
        _only_files(upright, background)
        shape = view.shape or ()
        channels = shape[2] if view.ndim == 3 else 1
        if view.format not in ("B", "<B", "=B") or view.ndim not in (2, 3) or (order, channels) not in _ORDERS:
            raise ValueError(
                "an array of shape %s and format %r is no picture: height x width, or that x 1, 3 or 4, of 8-bit numbers"
                % (tuple(shape), view.format))
        self._pixels(view.tobytes(), shape[1], shape[0], _ORDERS[order, channels])

    def _pixels(self, data: bytes, width: int, height: int, order: int) -> None:
        self._open(lib.ocelli_image_open_pixels, data, len(data), width, height, 0, order)

    @property
    def size(self) -> Tuple[int, int]:
        """Width and height in pixels."""
        width, height = c.c_uint32(), c.c_uint32()
        check(lib.ocelli_image_size(self._handle, c.byref(width), c.byref(height)))
        return width.value, height.value

    def __repr__(self) -> str:
        return "<ocelli.Image %dx%d>" % self.size if self._handle else "<ocelli.Image, closed>"


def _options(upright: bool, background: Optional[Tuple[int, int, int]]) -> ImageOptions:
    """How a file is read, as C has it."""
    if background is None:
        return ImageOptions(upright=bool(upright))
    if len(background) != 3 or not all(isinstance(part, int) and 0 <= part <= 255 for part in background):
        raise ValueError("background is %r: red, green and blue from 0 to 255" % (background,))
    red, green, blue = background
    return ImageOptions(upright=bool(upright), blend=1, background=red << 16 | green << 8 | blue)


def _only_files(upright: bool, background: Optional[Tuple[int, int, int]]) -> None:
    """Pixels have neither an orientation nor, where they come here, alpha."""
    if upright or background is not None:
        raise ValueError("upright and background are of a picture's file: these are pixels, taken as they are")


def image(picture: Picture) -> Image:
    """The picture itself, or one made of what was given."""
    return picture if isinstance(picture, Image) else Image(picture)
