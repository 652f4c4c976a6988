"""A page that denoises: networks in one HTML file, computed by the browser."""
