# docker build -f docs/cluster/beam.Dockerfile -t REGISTRY/tf_i2i-beam . : Beam workers for training.prepare.
# Python's minor version and Beam's version must be those of the machine that starts the job.
FROM apache/beam_python3.11_sdk:2.65.0
WORKDIR /opt/tf_i2i
COPY setup.cfg pyproject.toml README.md LICENSE ./
COPY tf_i2i tf_i2i
COPY training training
COPY export export
RUN pip install --no-cache-dir ".[beam]"
