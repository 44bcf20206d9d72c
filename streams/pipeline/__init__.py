"""One transactional loop and its steps: registrar, gate, meter."""
