"""GGUF, the format of llama.cpp and Ollama: written from safetensors, loaded again, and scored before release."""
