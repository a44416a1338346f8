"""Where blobs and leaf datasets lie."""
