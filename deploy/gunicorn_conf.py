"""gunicorn's settings for the web process.

One process with threads: a turn mostly waits for Rasa, and the rate limits are counted in memory.
"""

from bot.settings import read_bot_settings

_settings = read_bot_settings()
bind = f"{_settings.host}:{_settings.port}"
workers = 1
worker_class = "gthread"
threads = 32
timeout = 60
graceful_timeout = 10
keepalive = 30
accesslog = None
errorlog = "-"
control_socket_disable = True
# Only our formatter writes: gunicorn's own would put request lines and tracebacks into the log.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "bot.safety.log_lines.LogLineFormatter"}},
    "handlers": {
        "line": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "stream": "ext://sys.stdout",
        }
    },
    "root": {"handlers": ["line"], "level": _settings.knowledge.log_level},
    "loggers": {
        "gunicorn.error": {"handlers": ["line"], "level": "INFO", "propagate": False},
        "gunicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
    },
}
