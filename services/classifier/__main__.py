"""Composition of the classifier. Start it with `apiconnect run classifier`."""

from __future__ import annotations

from services.classifier.handler.classify_replay import ClassifyReplayHandler
from services.classifier.handler.mail_fetched import MailFetchedHandler
from services.classifier.handler.replies import MonitoredReplies, WatchedReplies
from services.classifier.handler.watched import WatchedClassifier
from services.classifier.settings import ClassifierSettings, shipped_rules
from shared.messaging.broker import Broker
from shared.messaging.process import Runner, Service, run_service
from shared.messaging.runner import BatchRunner
from shared.messaging.unit import UnitFactory
from shared.settings import instance_name
from shared.storage.database import Database
from shared.storage.sealing import Sealer
from shared.telemetry import start_tracing


def build(settings: ClassifierSettings, database: Database, broker: Broker) -> Service:
    """The service over an open database and a broker."""
    classifier = WatchedClassifier(settings.classifier_processes, settings.mail_seconds)
    classifier.start()
    sealer = Sealer.parse(settings.sealing_keys.get_secret_value())
    replies = MonitoredReplies(database, sealer, WatchedReplies(settings.classifier_processes, settings.mail_seconds))
    handler = MailFetchedHandler(database, sealer, classifier, shipped_rules().version, replies)
    handler.follow(settings.rules_file)
    units = UnitFactory(database, broker.publisher())
    replaying = ClassifyReplayHandler(database, handler.rules_of_now, handler.classify)
    runners: list[Runner] = [
        BatchRunner(broker, units, handler, batch_size=settings.batch_size),
        BatchRunner(broker, units, replaying, batch_size=1),  # a part is a batch
    ]
    closing = [classifier.close, replies.close, start_tracing("classifier", settings.otlp_endpoint)]
    return Service("classifier", instance_name(), database, runners, closing)


def main() -> None:
    """Runs the service until it is told to stop."""
    run_service("classifier", ClassifierSettings.read(), build)


if __name__ == "__main__":
    main()
