"""Tests in a real browser: JupyterLab served locally, driven in the system's Chromium."""
