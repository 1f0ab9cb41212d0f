# EffViz in a container:  docker build -t effviz .  &&  docker run --rm -p 8501:8501 --memory 4g effviz
# That leaves torch out: no gradients and no training. With it, give the address of the CPU builds that PyTorch's page
# "Start Locally" shows:  docker build --build-arg TORCH_INDEX=ADDRESS -t effviz .
FROM python:3.12-slim

WORKDIR /opt/effviz
COPY pyproject.toml setup.py requirements.txt README.md LICENSE app.py ./
COPY effviz effviz
COPY assets assets
COPY models models
COPY docs/study docs/study
COPY .streamlit .streamlit

ARG TORCH_INDEX=""
RUN set -eu; \
    sed '/^# torch/,$d' requirements.txt > wanted.txt; \
    if [ -n "$TORCH_INDEX" ]; then \
        grep -E '^(torch|torchvision)==' requirements.txt > torch.txt; \
        pip install --no-cache-dir --index-url "$TORCH_INDEX" -r torch.txt; \
        cp requirements.txt wanted.txt; \
    fi; \
    pip install --no-cache-dir -r wanted.txt; \
    pip install --no-cache-dir --no-deps .; \
    rm -rf build *.txt

RUN useradd --create-home --uid 1000 effviz
USER effviz
ENV EFFVIZ_PUBLIC=1 EFFVIZ_MEMORY_MB=2048 HF_HUB_OFFLINE=1
EXPOSE 8501
CMD ["effviz", "app", "--no-browser", "--address", "0.0.0.0", "--port", "8501"]
