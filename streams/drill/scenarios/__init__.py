"""The scenarios, one file each: `run(bed, seed, long) -> ScenarioReport`."""
