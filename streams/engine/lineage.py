"""Who stands above the hands that carried a message, by the registry: what a chain leaves out is still found."""

from __future__ import annotations

from streams.engine.case import Case

#: Names looked at, more than any registry has levels. A circle of parents ends at the first name seen twice.
MAX_ABOVE = 16


def above(case: Case) -> tuple[str, ...]:
    """Subjects of the account's own reseller and of all parents, nearest first, without those that the route names.

    As of the message's time: who has moved to another parent by then no longer stands under the old one. A parent of
    which there is no row may be either, so both subjects are named. An ended row still names what its children say.
    """
    route = case.message.route
    seen = {*route.chain, route.relay_id}
    found: list[str] = []
    waiting = list(route.chain)
    if route.account_id is not None:
        account = case.account_row(route.account_id).entry
        if account is not None and account.reseller is not None and account.reseller not in seen:
            seen.add(account.reseller)
            found.append(f"reseller:{account.reseller}")
            waiting.append(account.reseller)
    for name in waiting:
        entry = case.reseller_row(name).entry
        parent = None if entry is None else entry.parent
        if parent is None or parent in seen or len(seen) > MAX_ABOVE + len(route.chain):
            continue
        seen.add(parent)
        if not case.reseller_row(parent).absent:
            found.append(f"reseller:{parent}")
            waiting.append(parent)
        elif not case.relay_row(parent).absent:
            found.append(f"relay:{parent}")
        else:
            found += (f"reseller:{parent}", f"relay:{parent}")
    return tuple(found)
