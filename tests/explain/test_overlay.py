import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from effviz import i18n
from effviz.explain.data_types import Box, Method, Photo
from effviz.explain.images import display
from effviz.explain.overlay import (
    UNSEEN_BRIGHTNESS,
    OverlayStyle,
    Palette,
    Scale,
    apply_palette,
    describe_map,
    overlay,
    palette_colours,
    palette_of,
    peak_region,
    rescale,
    top_share,
)
from effviz.explain.placement import RasterOptions

CELLS = RasterOptions(cells=True)


def grey_photo(height=224, width=224, value=100):
    return Photo(np.full((height, width, 3), value, np.uint8), "", "grey.png")


def scaled(make_map, values, scale=Scale.OWN, **changes):
    return rescale([make_map(values, **changes)], scale)[0]


def test_inside_the_colours_are_mixed_with_the_photo(make_map):
    picture = overlay(grey_photo(), scaled(make_map, [[0.0, 1.0]]), OverlayStyle(Palette.INFERNO, 0.25, view=CELLS))
    low, high = palette_colours(Palette.INFERNO)[[0, 255]].astype(float)
    assert picture.shape == (224, 224, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_allclose(picture[50, 50], 0.75 * 100 + 0.25 * low, atol=0.5)
    np.testing.assert_allclose(picture[50, 170], 0.75 * 100 + 0.25 * high, atol=0.5)


def test_no_opacity_shows_the_photo_and_full_opacity_the_colours_alone(make_map):
    smooth = scaled(make_map, [[0.0, 1.0]])
    assert (overlay(grey_photo(), smooth, OverlayStyle(opacity=0))[5:-5, 5:-5] == 100).all()
    bare = overlay(grey_photo(value=0), smooth, OverlayStyle(opacity=1))
    np.testing.assert_array_equal(bare[5:-5, 5:-5], overlay(grey_photo(), smooth, OverlayStyle(opacity=1))[5:-5, 5:-5])


def test_what_was_not_seen_is_dimmed_and_the_rest_is_framed(make_map):
    seen = Box(100, 0, 300, 200)
    picture = overlay(grey_photo(200, 400), scaled(make_map, np.ones((7, 7)), seen=seen), OverlayStyle(opacity=0))
    assert (picture[:, :100] == round(100 * UNSEEN_BRIGHTNESS)).all()
    assert (picture[:, 300:] == round(100 * UNSEEN_BRIGHTNESS)).all()
    assert (picture[:, [100, 299]] == 255).all()  # white frame,
    assert (picture[1:-1, [101, 298]] == 0).all()  # black inside it
    assert (picture[2:-2, 102:298] == 100).all()


def test_a_large_photo_is_drawn_at_the_displays_size(make_map):
    picture = overlay(grey_photo(2000, 4000), scaled(make_map, np.ones((7, 7)), seen=Box(1000, 0, 3000, 2000)))
    assert picture.shape == (360, 720, 3)
    assert (picture[180, [179, 540]] == round(100 * UNSEEN_BRIGHTNESS)).all()
    assert (picture[180, [180, 539]] == 255).all()


def test_a_shrunk_photo_keeps_its_brightness_and_a_small_one_its_pixels():
    assert display(grey_photo(300, 900), 300).shape == (100, 300, 3)
    assert (display(grey_photo(300, 900), 300) == 100).all()
    small = grey_photo(30, 90)
    assert display(small, 300) is small.rgb


def test_signed_maps_take_the_diverging_palette(make_map):
    signed = scaled(make_map, [[-2.0, 2.0]], Scale.DENSITY)
    style = OverlayStyle(Palette.INFERNO, 1.0, view=CELLS)
    picture = overlay(grey_photo(), signed, style)
    assert palette_of(signed, style) is Palette.DIVERGING
    assert picture[50, 50].tolist() == palette_colours(Palette.DIVERGING)[0].tolist()
    assert picture[50, 170].tolist() == palette_colours(Palette.DIVERGING)[255].tolist()
    assert palette_of(scaled(make_map, [[-2.0, 2.0]]), style) is Palette.INFERNO


def test_the_contour_runs_where_the_map_passes_the_level(make_map):
    # a ramp from column centre 56 (value 0) to 168 (value 1): it passes 0.5 at 112
    picture = overlay(grey_photo(), scaled(make_map, [[0.0, 1.0]]), OverlayStyle(opacity=0, contour=0.5))
    assert (picture[3:-3, 112] == 255).all()
    assert (picture[3:-3, 111] == 0).all()
    assert (picture[3:-3, 3:111] == 100).all()
    assert (picture[3:-3, 113:-3] == 100).all()


def test_no_contour_is_drawn_at_the_edge_of_what_was_seen(make_map):
    whole = scaled(make_map, np.ones((3, 3)), Scale.SHARE, seen=Box(50, 50, 150, 150))
    plain = overlay(grey_photo(), whole, OverlayStyle(opacity=0))
    np.testing.assert_array_equal(overlay(grey_photo(), whole, OverlayStyle(opacity=0, contour=0.5)), plain)


def test_cells_are_parted_by_lines(make_map):
    picture = overlay(grey_photo(), scaled(make_map, np.ones((7, 7))), OverlayStyle(opacity=0, view=CELLS))
    lines = np.flatnonzero(picture[16, :, 0] != 100)
    assert lines.tolist() == [0, 1, 32, 64, 96, 128, 160, 192, 222, 223]  # the frame takes two pixels at each end


def test_the_photo_is_not_drawn_on(make_map):
    photo = grey_photo()
    overlay(photo, scaled(make_map, np.ones((7, 7))), OverlayStyle(contour=0.5, view=CELLS))
    assert (photo.rgb == 100).all()


@pytest.mark.parametrize("seen", [Box(0, 0, 16, 16), Box(-5, -5, 21, 21), Box(7, 7, 9, 9)])
def test_a_tiny_photo_can_be_drawn(make_map, seen):
    picture = overlay(grey_photo(16, 16), scaled(make_map, np.eye(7), seen=seen), OverlayStyle(contour=0.5))
    assert picture.shape == (16, 16, 3)


def test_a_signed_contour_counts_from_none_to_the_strongest(make_map):
    values = [[-4.0, 0.5, 1.5, 4.0]]
    signed = rescale([make_map(values)], Scale.DENSITY)[0]
    own = rescale([make_map([[0.0, 0.5, 1.5, 4.0]])], Scale.OWN)[0]
    style = OverlayStyle(opacity=0, contour=0.25, view=CELLS)
    np.testing.assert_array_equal(overlay(grey_photo(), signed, style), overlay(grey_photo(), own, style))


def test_below_the_threshold_the_photo_shows(make_map):
    style = OverlayStyle(opacity=1, threshold=0.5, view=CELLS)
    picture = overlay(grey_photo(), scaled(make_map, [[0.0, 0.4, 0.6, 1.0]]), style)
    assert (picture[112, [20, 80]] == 100).all()
    assert (picture[112, 200] == palette_colours(Palette.INFERNO)[255]).all()
    assert (picture[112, 140] != 100).any()


def test_of_a_signed_map_the_threshold_counts_from_none_to_either_end(make_map):
    style = OverlayStyle(opacity=1, threshold=0.5, view=CELLS)
    picture = overlay(grey_photo(), scaled(make_map, [[-2.0, -0.8, 0.8, 2.0]], Scale.DENSITY), style)
    assert (picture[112, [80, 140]] == 100).all()
    assert (picture[112, 20] == palette_colours(Palette.DIVERGING)[0]).all()
    assert (picture[112, 200] == palette_colours(Palette.DIVERGING)[255]).all()


# Alt text.


def test_a_map_without_positive_evidence_says_so(make_map):
    assert describe_map(make_map([[-0.3, -2.0]])) == "No positive evidence for German Shepherd Dog (max −0.3)."


def test_an_untrained_map_means_nothing_whatever_it_shows(make_map):
    text = describe_map(make_map([[5.0, -2.0]], trained=False, model="scaled-d4-w1@224"))
    assert text == "scaled-d4-w1@224 is untrained: its weights are random, and this map means nothing."


def test_the_peak_and_the_concentration_are_told(make_map):
    values = np.zeros((5, 5))
    values[0, 0], values[4, 4] = 3, 1
    # the strongest 20 % are 5 of 25 cells: all of the evidence
    assert describe_map(make_map(values)) == (
        "Evidence for German Shepherd Dog is strongest in the upper left of the photo; "
        "the strongest 20 % of the area seen holds 100 % of it."
    )


def test_a_method_without_a_class_is_not_given_one(make_map):
    text = describe_map(make_map([[1.0, 0.0]], method=Method.EIGENCAM))
    assert "German" not in text
    assert "regardless of class" in text


@pytest.mark.parametrize(
    ("row", "column", "region"),
    [(0, 0, "upper left"), (0, 1, "upper centre"), (1, 0, "middle left"), (1, 1, "centre"), (2, 2, "lower right")],
)
def test_regions_are_ninths_of_the_photo(make_map, row, column, region):
    values = np.zeros((3, 3))
    values[row, column] = 1
    assert peak_region(make_map(values)) == region


def test_the_region_is_of_the_photo_not_of_the_crop(make_map):
    # the model saw only the middle third of a panorama: its leftmost cell is in the centre of the photo
    panorama = make_map([[1.0, 0.0, 0.0]], Box(300, 0, 600, 300), photo_size=(900, 300))
    assert peak_region(panorama) == "centre"


def test_the_share_of_an_even_map_is_the_area():
    assert top_share(np.ones((7, 7), np.float32)) == pytest.approx(0.2)
    assert top_share(np.ones((1, 1), np.float32)) == pytest.approx(0.2)


def test_the_share_by_hand():
    # 10 cells: the strongest two hold 3 + 2 of 3 + 2 + 1 + 1 + 1; negative cells do not count
    values = np.float32([[3, 1, -9, 1, 2, 1, 0, 0, 0, -1]])
    assert top_share(values) == pytest.approx(5 / 8)


def test_without_evidence_there_is_no_share():
    assert top_share(np.zeros((3, 3), np.float32)) == 0


def test_the_sentence_is_in_the_visitors_language(make_map, translate):
    translate(
        "de",
        {
            "Evidence for {name} is strongest in the {region} of the photo; "
            "the strongest {area} % of the area seen holds {share} % of it.": "{share} % davon liegen {region}.",
            "upper left": "oben links",
        },
    )
    token = i18n.thread_language.set("de")
    try:
        # 20 % of the area is 0.8 of a cell, and all evidence is in one cell
        assert describe_map(make_map([[1.0, 0.0], [0.0, 0.0]])) == "80 % davon liegen oben links."
    finally:
        i18n.thread_language.reset(token)


# Palettes.

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


# Scales.

LEFT = [[-2.0, 0.0], [1.0, 3.0]]
RIGHT = [[0.5, 1.0, 1.5], [2.0, 4.0, 6.0]]


def test_own_spans_each_maps_own_range(make_map):
    left, right = rescale([make_map(LEFT), make_map(RIGHT)], Scale.OWN)
    assert (left.low, left.high, right.low, right.high) == (-2, 3, 0.5, 6)
    np.testing.assert_allclose(left.fractions(left.values), [[0, 0.4], [0.6, 1]], rtol=1e-6)
    np.testing.assert_array_equal(left.values, np.float32(LEFT))


def test_shared_spans_the_range_of_all(make_map):
    left, right = rescale([make_map(LEFT), make_map(RIGHT)], Scale.SHARED)
    assert (left.low, left.high) == (right.low, right.high) == (-2, 6)
    np.testing.assert_allclose(left.fractions(left.values), [[0, 0.25], [0.375, 0.625]])


def test_density_is_signed_and_symmetric(make_map):
    left, right = rescale([make_map(LEFT, bias=7.0), make_map(RIGHT)], Scale.DENSITY)
    assert (left.low, left.high) == (right.low, right.high) == (-6, 6)
    assert left.signed
    assert left.fractions(left.values)[0, 1] == 0.5  # zero evidence is the middle of the palette
    # mean 0.5 plus bias 7 is the logit 7.5
    assert left.values.mean() + left.source.bias == left.source.logit
    assert "bias +7.00 is the logit 7.50" in left.unit


def test_density_reaches_as_far_as_the_strongest_evidence_against(make_map):
    (scaled,) = rescale([make_map([[-4.0, 1.0]])], Scale.DENSITY)
    assert (scaled.low, scaled.high) == (-4, 4)


def test_only_cam_is_called_a_density_of_the_logit(make_map):
    (scaled,) = rescale([make_map(LEFT, method=Method.LAYERCAM)], Scale.DENSITY)
    assert "logit" not in scaled.unit


def test_share_is_of_positive_evidence_and_sums_to_one(make_map):
    (scaled,) = rescale([make_map(LEFT)], Scale.SHARE)
    np.testing.assert_allclose(scaled.values, [[0, 0], [0.25, 0.75]])
    assert scaled.values.sum() == pytest.approx(1)
    assert not scaled.signed


def test_equal_colours_mean_an_equal_share_of_an_equal_area(make_map):
    """The same image in four times as many cells has the same colours."""
    coarse, fine = rescale([make_map(LEFT), make_map(np.kron(LEFT, np.ones((2, 2))))], Scale.SHARE)
    drawn, expected = fine.fractions(fine.values), np.kron(coarse.fractions(coarse.values), np.ones((2, 2)))
    np.testing.assert_allclose(expected, drawn, rtol=1e-6)
    assert drawn.max() == 1


def test_share_without_positive_evidence_is_zero(make_map):
    (scaled,) = rescale([make_map([[-1.0, -2.0]])], Scale.SHARE)
    assert scaled.values.tolist() == [[0, 0]]
    assert scaled.fractions(scaled.values).tolist() == [[0, 0]]


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=20))
def test_rank_equals_scipys_mean_ranks(make_map, numbers):
    (scaled,) = rescale([make_map([numbers])], Scale.RANK)
    np.testing.assert_allclose(scaled.values[0], (rankdata(numbers) - 1) / (len(numbers) - 1), rtol=1e-6)
    assert (scaled.low, scaled.high) == (0, 1)


def test_a_single_cell_has_a_rank(make_map):
    assert rescale([make_map([[5.0]])], Scale.RANK)[0].values.tolist() == [[0]]


@pytest.mark.parametrize(("scale", "part"), [(Scale.OWN, 0), (Scale.SHARED, 0), (Scale.DENSITY, 0.5), (Scale.SHARE, 0)])
def test_a_map_of_zeros_has_no_division_by_zero(make_map, scale, part):
    (scaled,) = rescale([make_map(np.zeros((3, 3)))], scale)
    assert (scaled.fractions(scaled.values) == part).all()


@pytest.mark.parametrize("scale", Scale)
def test_nothing_in_nothing_out(scale):
    assert rescale([], scale) == ()


def test_unseen_stays_unseen(make_map):
    (scaled,) = rescale([make_map(LEFT)], Scale.SHARED)
    assert np.isnan(scaled.fractions(np.float32([np.nan]))).all()


@pytest.mark.parametrize("scale", Scale)
def test_the_values_cannot_be_written_and_the_map_is_untouched(make_map, scale):
    source = make_map(LEFT)
    (scaled,) = rescale([source], scale)
    assert not scaled.values.flags.writeable
    np.testing.assert_array_equal(source.values, np.float32(LEFT))
    assert scaled.source is source
    assert scaled.unit
