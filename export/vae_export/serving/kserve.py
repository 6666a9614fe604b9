"""A KServe manifest beside a model repository."""

from __future__ import annotations

import json
import re

from vae_runtime.model.manifest import Manifest

FILE_NAME = "kserve.yaml"


def kserve(manifest: Manifest, storage_uri: str) -> str:
    """A KServe InferenceService that serves the repository with Triton."""
    name = re.sub(r"[^a-z0-9]+", "-", manifest.name.lower()).strip("-")[:40].strip("-")
    name = name if name[:1].isalpha() else f"vae-{name}".strip("-")  # Kubernetes names begin with a letter
    return f"""\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {json.dumps(name)}
  annotations:
    vae-runtime/manifest-sha256: {json.dumps(manifest.digest)}
spec:
  predictor:
    model:
      modelFormat:
        name: onnx
      protocolVersion: v2
      runtime: kserve-tritonserver
      storageUri: {json.dumps(storage_uri)}  # a copy of the folder that this file lies in
      env:
        - name: ORT_DISABLE_TELEMETRY
          value: "1"
"""
