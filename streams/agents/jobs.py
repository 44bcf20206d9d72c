"""Job agent: announced bulk sends → jobs. The table's changelog is the public topic."""

from __future__ import annotations

import msgspec

from streams.agents.codec import decoded, encoded, keyed, output
from streams.agents.deadletter import Delivery
from streams.agents.emit import Output
from streams.agents.errors import Refused
from streams.agents.steps import Effect, Handled, Names, TableSpec
from streams.contracts.jobs import JobEntry, JobRow, JobSubmission
from streams.engine.jobs.submitted import SubmissionRefused, judge, take
from streams.engine.policy import Policies
from streams.engine.pseudonym import Keys
from streams.engine.view import View
from streams.telemetry.metrics import count

_SUBMISSION = msgspec.json.Decoder(JobSubmission)
_ROW = msgspec.json.Decoder(JobRow)


class JobAgent:
    """Verifies each submission once. Gates replicate what its table holds; `jobs.history` keeps every version of it."""

    name = "jobs"
    inputs = ("jobs.submitted",)
    dead = "jobs.submitted.dead"
    # In step: a row's versions must all stand in the history.
    table = TableSpec("jobs", _ROW.decode, encoded, changelog="jobs", in_step=True)

    def __init__(self, names: Names, policies: Policies, keys: Keys) -> None:
        self._history = names.topic("jobs.history")
        self._policies, self._keys = policies, keys

    def handle(self, entity: str, delivery: Delivery, view: View) -> Handled:
        """Take a submission."""
        submission = decoded(delivery, _SUBMISSION, "NOT_A_SUBMISSION")
        named = submission.key()
        keyed(delivery, named, "submissions are keyed by job:<account>/<id>")
        try:
            entry = judge(submission, view, self._policies, self._keys)
        except SubmissionRefused as error:
            raise Refused(error.reason, error.detail) from error

        count("job_submissions_total", code=entry.code or "accepted")

        def step(row: JobRow | None, entry: JobEntry) -> tuple[JobRow, list[Output]]:
            after = take(row, named, entry)
            return after, [output(self._history, named, after)]

        return Handled(submission.recorded_at_ms, [Effect(named.encode(), entry, step)])
