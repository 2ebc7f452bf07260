"""What stands before Gradio's application, in its order."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.middleware import Middleware

from demo.inference.networks import LoadedModels
from demo.page.api import PARAMETERS
from demo.page.function_arguments import CheckArguments
from demo.page.guard.answer_headers import AnswerHeaders
from demo.page.guard.hosts import AllowedHosts
from demo.page.guard.origins import Origins
from demo.page.guard.upload_space import UploadSpace
from demo.page.guard.uploads import Uploads
from demo.page.hosting.settings import Hosting
from demo.page.hosting.shutdown import Drained, Draining
from demo.page.hosting.trusted_proxies import TrustedProxies
from demo.page.html_head import PageHead
from demo.page.login.gate import LoginGate, Logins
from demo.page.monitoring.access_log import access_log
from demo.page.monitoring.answers import Answer, ToldAnswers
from demo.page.monitoring.health import Health
from demo.page.own_files import OwnFiles, bundles_to_take
from demo.page.queue.reading_queue import check_function
from demo.page.request_filter import RequestFilter
from demo.page.sessions.gate import PlaceEvents, SessionGate
from demo.page.sessions.ids import SessionIds
from demo.page.sessions.states import SessionStates
from demo.page.sessions.upload_owners import CheckUploads, Owners

if TYPE_CHECKING:
    from demo.page.monitoring.metrics import Metrics


@dataclass(frozen=True)
class BeforeGradio:
    """What a request passes, in this order.

    Attributes:
        outermost: before what Gradio itself puts before its application, which answers other sites' pages.
        middleware: behind that.
        loaded: the networks, counting where that is wanted.
    """

    outermost: list[Middleware]
    middleware: list[Middleware]
    loaded: LoadedModels


def before_gradio(
    loaded: LoadedModels, hosting: Hosting, hosts: AllowedHosts, draining: Draining, logins: Logins | None
) -> BeforeGradio:
    """What stands before Gradio, of a page that answers to `hosts`, and to whom `logins` lets in."""
    metrics: Metrics | None = None
    listeners: list[Callable[[Answer], None]] = []
    if hosting.metrics:
        from demo.page.monitoring import metrics as counting  # its library is an extra

        metrics = counting.Metrics()
        loaded = metrics.count_films(loaded)
        listeners.append(metrics.count_answer)
    if hosting.log:
        # The terminal's own: what the dependencies print is kept from it (`silence`).
        listeners.append(access_log(hosting.log, sys.__stderr__ or sys.stderr))
    outermost = [
        Middleware(TrustedProxies, proxies=hosting.trusted_proxies),
        *([Middleware(ToldAnswers, listeners=listeners)] if listeners else []),
        Middleware(AnswerHeaders, frame_ancestors=hosting.frame_ancestors),
        Middleware(Origins, hosts=hosts),
    ]
    ids, states, space = SessionIds(), SessionStates(), UploadSpace(hosting.quota)
    owner_of = Owners(ids)
    listeners_of_events = (
        check_function,
        PlaceEvents(ids, states),
        CheckUploads(owner_of, space.stored),
        CheckArguments(states),
    )
    middleware = [
        Middleware(Health, loaded=loaded, draining=draining, metrics=metrics),
        Middleware(Drained, draining=draining),
        Middleware(LoginGate, logins=logins),
        Middleware(RequestFilter, parameters=PARAMETERS, listeners=listeners_of_events),
        Middleware(Uploads, space=space, owner_of=owner_of),
        Middleware(SessionGate, ids=ids, states=states),
        Middleware(OwnFiles, bundles=bundles_to_take(loaded)),
        Middleware(PageHead),
    ]
    return BeforeGradio(outermost, middleware, loaded)
