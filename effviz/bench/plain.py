"""A plain script with timm and pytorch-grad-cam, written as in their READMEs: overlays of one photo by some models.

`effviz bench cold` runs this file for comparison; it imports nothing from EffViz.

python plain.py PHOTO OUT ARCHITECTURE:WEIGHTS:PIXELS...
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import timm
import torch
from PIL import Image
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import show_cam_on_image
from timm.data import create_transform, resolve_model_data_config


def main(photo: str, out: str, models: list[str]) -> None:
    """Write one overlay per model."""
    with Image.open(photo) as opened:
        image = opened.convert("RGB")
    for place, model in enumerate(models):
        architecture, weights, pixels = model.split(":")
        network = timm.create_model(architecture, pretrained=False)
        network.load_state_dict(torch.load(weights, weights_only=True))
        network.eval()
        size = (3, int(pixels), int(pixels))
        prepare = create_transform(**resolve_model_data_config(network) | {"input_size": size})
        tensor = prepare(image)
        with GradCAM(model=network, target_layers=[network.bn2]) as cam:
            values = cam(input_tensor=tensor[None], targets=None)[0]  # of the first guess
        resized = cv2.resize(np.asarray(image, np.float32) / 255, values.shape[::-1])
        cv2.imwrite(str(Path(out) / f"{place}.png"), show_cam_on_image(resized, values, use_rgb=True)[..., ::-1])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
