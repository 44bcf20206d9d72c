"""The scenarios, one file each: `run(bed, seed, long) -> ScenarioReport`, and `KILLS`: whether it kills workers, so
that a run that tore no transaction proves nothing."""
