"""The geometry of a model's evaluation transform, by Pillow alone: workers that decode photos have nothing else."""

from dataclasses import dataclass

from PIL import Image

Size = tuple[int, int]  # width, height


@dataclass(frozen=True, slots=True)
class ResizeCrop:
    """Resize the short side, cut out a square in the middle."""

    short_px: int  # of the resized picture's short side
    size_px: int  # of the square
    resampling: int  # of `Image.Resampling`

    def resized(self, size: Size) -> Size:
        """Return the size that a photo gets; torchvision cuts the long side's fraction off."""
        width, height = size
        if width <= height:
            return self.short_px, int(self.short_px * height / width)
        return int(self.short_px * width / height), self.short_px

    def window(self, size: Size) -> tuple[int, int, int, int]:
        """Return the square in the resized photo: left, top, right, bottom."""
        width, height = self.resized(size)
        left, top = round((width - self.size_px) / 2), round((height - self.size_px) / 2)
        return left, top, left + self.size_px, top + self.size_px

    def apply(self, image: Image.Image, size: Size) -> Image.Image:
        """Make the square of a photo of this size, of which the picture may be a smaller copy."""
        return image.resize(self.resized(size), Image.Resampling(self.resampling)).crop(self.window(size))
