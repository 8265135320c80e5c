"""The stores over one pool: they encrypt fields when there is a cipher for that."""

from dataclasses import dataclass

import asyncpg

from joinstream.domain.threads import Ttl
from joinstream.encryption.fields import FieldCipher
from joinstream.store.assistants import PostgresAssistants
from joinstream.store.crons import PostgresCrons
from joinstream.store.database import Database
from joinstream.store.encrypted.assistants import EncryptedAssistants
from joinstream.store.encrypted.crons import EncryptedCrons
from joinstream.store.encrypted.runs import EncryptedRuns
from joinstream.store.encrypted.threads import EncryptedThreads
from joinstream.store.encrypted.webhooks import EncryptedWebhooks
from joinstream.store.locked_threads import SaverOnConnection
from joinstream.store.runs import CreationRules, PostgresRuns
from joinstream.store.threads import PostgresThreads
from joinstream.store.webhooks import PostgresWebhooks


@dataclass(frozen=True, slots=True)
class Stores:
    """Makes stores."""

    pool: asyncpg.Pool
    rules: CreationRules
    fields: FieldCipher | None

    def runs(self, database: Database) -> PostgresRuns:
        """`database` may be a transaction."""
        if self.fields is None:
            return PostgresRuns(database, self.rules)
        return EncryptedRuns(database, self.rules, self.fields)

    def threads(self, saver_on: SaverOnConnection, default_ttl: Ttl | None) -> PostgresThreads:
        if self.fields is None:
            return PostgresThreads(self.pool, saver_on, default_ttl)
        return EncryptedThreads(self.pool, saver_on, default_ttl, self.fields)

    def assistants(self) -> PostgresAssistants:
        database = Database(self.pool)
        if self.fields is None:
            return PostgresAssistants(database)
        return EncryptedAssistants(database, self.fields)

    def crons(self) -> PostgresCrons:
        if self.fields is None:
            return PostgresCrons(self.pool, self.runs)
        return EncryptedCrons(self.pool, self.runs, self.fields)

    def webhooks(self) -> PostgresWebhooks:
        database = Database(self.pool)
        if self.fields is None:
            return PostgresWebhooks(database)
        return EncryptedWebhooks(database, self.fields)
