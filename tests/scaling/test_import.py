"""The arithmetic needs only the standard library."""

import subprocess
import sys

HEAVY = {"torch", "timm", "numpy", "pandas", "streamlit", "plotly", "PIL"}


def test_nothing_heavy_is_loaded():
    code = "import sys, effviz.scaling; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "effviz.scaling" in loaded
    assert not HEAVY & set(loaded)


def test_public_names_exist():
    import effviz.scaling

    assert all(hasattr(effviz.scaling, name) for name in effviz.scaling.__all__)
    assert effviz.scaling.__all__ == sorted(effviz.scaling.__all__, key=lambda name: (not name.isupper(), name))
