import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest

from effviz.explain.overlay import Palette, apply_palette, palette_colours

IN_MATPLOTLIB = {palette: palette.value for palette in Palette} | {Palette.DIVERGING: "RdBu_r"}


@pytest.mark.parametrize("palette", Palette)
def test_colours_equal_matplotlibs(palette):
    values = np.concatenate([np.linspace(0, 1, 1001), [-0.5, 1.5]]).astype(np.float32)
    expected = mpl.colormaps[IN_MATPLOTLIB[palette]](values, bytes=True)[:, :3]
    np.testing.assert_array_equal(apply_palette(values, palette), expected)


def test_the_shape_is_kept_and_nan_is_the_lowest_colour():
    rgb = apply_palette(np.array([[np.nan, 0.0], [0.5, 1.0]], np.float32), Palette.INFERNO)
    assert rgb.shape == (2, 2, 3)
    assert rgb.dtype == np.uint8
    assert rgb[0, 0].tolist() == rgb[0, 1].tolist()


def test_no_sign_means_white_and_the_signs_can_be_told_apart():
    low, middle, high = apply_palette(np.array([0.0, 0.5, 1.0], np.float32), Palette.DIVERGING).astype(int)
    assert middle.min() > 240
    assert low[2] > low[0]  # blue
    assert high[0] > high[2]  # red


@pytest.mark.parametrize("palette", [Palette.CIVIDIS, Palette.INFERNO])
def test_brightness_grows_with_the_value(palette):
    brightness = palette_colours(palette).astype(float) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(brightness[::8]) > 0).all()


def test_the_tables_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        palette_colours(Palette.JET)[0] = 0


def test_drawing_loads_neither_torch_nor_matplotlib():
    modules = "images, overlay, placement, sample_photos, scales"
    code = f"import sys; from effviz.explain import {modules}; print({{'torch', 'matplotlib'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
