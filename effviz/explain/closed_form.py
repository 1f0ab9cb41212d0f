"""Class activation maps at the last layer as plain arithmetic: no gradients, no hooks, no second pass.

At the last layer the logit is  b + sum_k w_k mean(A_k),  with A the features (C, H, W) after `bn2`, w and b the
classifier's row of the class, n = H*W cells and mu_k = mean(A_k). Its gradient is w_k / n in every cell of channel k,
and putting that into each paper's definition gives the functions below.

Units: `cam` is a density of logit, mean(cam) + b = logit. The other maps have the units of pytorch-grad-cam before it
cuts negative values and stretches the map to 0..1. Single maps are summed in float64.
"""

import numpy as np
import numpy.typing as npt

from effviz.explain.data_types import Doubles, Floats

FINER_ALPHA = 1.0  # how strongly rivals are subtracted; the authors' default
FINER_RIVALS = 3  # how many; the authors' default


def cam(features: Floats, row: Floats) -> Floats:
    """CAM (Zhou et al. 2016, https://arxiv.org/abs/1512.04150): sum_k w_k A_k.  (C, H, W), (C,) -> (H, W)."""
    return _weighted(features, row.astype(np.float64))


def gradcam(features: Floats, row: Floats) -> Floats:
    """Grad-CAM (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391): CAM / n.

    HiResCAM (Draelos and Carin 2020, https://arxiv.org/abs/2011.08891) and XGrad-CAM (Fu et al. 2020,
    https://arxiv.org/abs/2008.02312) are the same map, because the gradient is the same in every cell of a channel.
    ShapleyCAM (Cai 2025, https://arxiv.org/abs/2501.06261) is too, because the logit's Hessian is zero.
    """
    return _weighted(features, row.astype(np.float64) / features[0].size)


def gradcam_plus_plus(features: Floats, row: Floats) -> Floats:
    """Grad-CAM++ (Chattopadhay et al. 2018, https://arxiv.org/abs/1710.11063, Eq. 19).

    The sum over channels of  max(w_k, 0) / (2 + w_k mu_k) A_k.  pytorch-grad-cam adds 1e-6 to the paper's denominator
    2 g^2 + ..., where g^2 = (w_k / n)^2 is often smaller, so its map depends on the input size; this one does not.
    """
    weights, means = row.astype(np.float64), features.mean(axis=(1, 2), dtype=np.float64)
    return _weighted(features, np.maximum(weights, 0) / (2 + weights * means))


def layercam(features: Floats, row: Floats) -> Floats:
    """LayerCAM (Jiang et al. 2021, https://doi.org/10.1109/TIP.2021.3089943): (1/n) sum_k max(w_k, 0) A_k."""
    return _weighted(features, np.maximum(row.astype(np.float64), 0) / features[0].size)


def elementwise_gradcam(features: Floats, row: Floats) -> Floats:
    """Element-wise Grad-CAM (pytorch-grad-cam's `GradCAMElementWise`): (1/n) sum_k max(w_k A_k, 0).

    Equal to LayerCAM where A >= 0 (ReLU6), not with SiLU, whose A goes down to -0.278.
    """
    products = row.astype(np.float64)[:, None, None] * features  # (C, H, W)
    return np.asarray(np.maximum(products, 0).sum(axis=0) / features[0].size, dtype=np.float32)


def ablationcam(features: Floats, row: Floats, logit: float) -> Floats:
    """Ablation-CAM (Desai and Ramaswamy 2020, WACV, Eq. 3): sum_k (y - y_k)/y A_k, where y_k is y without channel k.

    Here y - y_k = w_k mu_k. The paper divides by y itself, so a class with a negative logit gets a map with its sign
    turned. pytorch-grad-cam puts about -1e7 instead of zero when a channel can be negative; this is zero always.
    """
    return _weighted(features, row.astype(np.float64) * features.mean(axis=(1, 2), dtype=np.float64) / logit)


def finercam(features: Floats, rows: Floats, logits: Floats, index: int) -> Floats:
    """FinerCAM (Zhang et al. 2025, https://arxiv.org/abs/2501.11309): Grad-CAM of  y_c - alpha * sum_j q_j y_j.

    The rivals j are the classes with the closest logits; q is the softmax over the rivals alone, and it too has a
    gradient (as in the authors' code): d/dy_j = q_j (1 + y_j - sum_i q_i y_i). Those factors sum to 1, so this is the
    CAM of w_c minus alpha times a weighted mean of the rivals' rows, divided by n. pytorch-grad-cam adds 1e-9 to the
    rivals' probabilities, which changes its map where those are small; here they sum to 1.
    """
    others = rivals(logits, index)
    scores = logits[others].astype(np.float64)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    factors = shares * (1 + scores - shares @ scores)
    weights = rows[index].astype(np.float64) - FINER_ALPHA * (factors @ rows[others].astype(np.float64))
    return _weighted(features, weights / features[0].size)


def rivals(logits: Floats, index: int) -> npt.NDArray[np.intp]:
    """Return the classes whose logits are closest to that of `index`, the closest first."""
    distance = np.abs(logits.astype(np.float64) - logits[index])
    distance[index] = np.inf
    return np.argsort(distance, kind="stable")[: min(FINER_RIVALS, len(logits) - 1)]


def eigencam(features: Floats) -> Floats:
    """EigenCAM (Muhammad and Yeasin 2020, https://arxiv.org/abs/2008.00299): cells on the first principal component.

    As pytorch-grad-cam does, the mean cell is taken off first. The sign of a principal component is arbitrary; here
    it is chosen so that the map agrees with the sum of all channels, so bright means active.
    """
    cells = features.reshape(features.shape[0], -1).T.astype(np.float64)  # (H*W, C)
    cells = cells - cells.mean(axis=0)
    return aligned(_first_component(cells).reshape(features.shape[1:]), features)


def _first_component(rows: Doubles) -> Doubles:
    """Rows (N, C) on their first right singular vector, (N,), from the smaller of the two matrices of products.

    Ten times as quick as a whole decomposition, in which many visitors at once held each other up for half a minute.
    """
    if rows.shape[0] <= rows.shape[1]:
        sizes, vectors = np.linalg.eigh(rows @ rows.T)  # ascending squares of the singular values, (N, N)
        return np.asarray(vectors[:, -1] * np.sqrt(max(sizes[-1], 0.0)))
    return np.asarray(rows @ np.linalg.eigh(rows.T @ rows)[1][:, -1])


def aligned(component: Doubles, features: Floats) -> Floats:
    """Turn the sign of a component (H, W) so that it agrees with the sum of all channels (C, H, W)."""
    total = features.sum(axis=0, dtype=np.float64)
    agrees = np.vdot(component, total - total.mean()) >= 0
    return (component if agrees else -component).astype(np.float32)


def _weighted(features: Floats, weights: Doubles) -> Floats:
    """In 32 bits: turning all features into 64 bits took longer than all else about a map."""
    return np.tensordot(weights.astype(np.float32), features, axes=1)
