"""JupyterHub for a class on one machine. ``python -m workshop hub`` starts it; docs/trainer.md tells the rest.

Each learner signs in with the password from the class's list of sign-ins and arrives in JupyterLab, in their own
notebooks, with the names and the credential that ``python -m workshop provision`` gave them.
"""

import os
import sys
from pathlib import Path

from workshop.classroom.classroom import TRAINER
from workshop.classroom.folder import ClassFolder
from workshop.command import run_by_root
from workshop.jupyterhub.installation import Installation
from workshop.jupyterhub.servers import ClassAuthenticator, LearnerSpawner, landing_page, limited

c = get_config()  # type: ignore[name-defined]  # noqa: F821  # traitlets defines it for each file of settings it reads

# The class, and where the hub keeps what it has to remember.
folder = ClassFolder(Path(os.environ["WORKSHOP_CLASS_FOLDER"]))
c.JupyterHub.db_url = f"sqlite:///{folder.hub / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(folder.hub / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(folder.hub / "proxy.pid")

# Where learners go with their browsers. Beyond this computer it has to be https, or passwords can be read on the way.
c.JupyterHub.bind_url = os.environ["WORKSHOP_HUB_URL"]
c.JupyterHub.ssl_cert = os.environ.get("WORKSHOP_HUB_CERTIFICATE", "")
c.JupyterHub.ssl_key = os.environ.get("WORKSHOP_HUB_KEY", "")

# The hub's own doors, on this computer only.
c.JupyterHub.hub_bind_url = os.environ["WORKSHOP_HUB_INTERNAL_URL"]
c.ConfigurableHTTPProxy.api_url = os.environ["WORKSHOP_HUB_PROXY_URL"]
c.ConfigurableHTTPProxy.command = [str(Installation(Path(sys.prefix)).proxy)]

# Who may sign in: those on the list, and nobody else.
c.JupyterHub.authenticator_class = ClassAuthenticator
c.ClassAuthenticator.sign_ins = str(folder.sign_ins)
c.Authenticator.any_allow_config = True
c.Authenticator.admin_users = {TRAINER}
c.JupyterHub.default_url = landing_page

# Their servers. With root each learner is a user of their own; without, all are the user who runs the hub.
c.JupyterHub.spawner_class = LearnerSpawner
c.LearnerSpawner.class_folder = str(folder.path)
c.LearnerSpawner.separate_users = run_by_root()
memory = int(os.environ["WORKSHOP_HUB_MEMORY_KILOBYTES"])  # of each of their processes
c.Spawner.cmd = limited([sys.executable, "-m", "jupyterhub.singleuser"], memory)
c.Spawner.default_url = "/lab/tree/index.ipynb"
c.Spawner.start_timeout = 180  # seconds: a whole class starts at the same time
c.Spawner.http_timeout = 180
c.JupyterHub.concurrent_spawn_limit = 1000  # nobody is sent away; they wait

# After how many seconds what nobody uses ends; zero is never. A kernel is in use as long as its notebook is open in
# a browser, a server as long as it has a kernel or a terminal.
idle = int(os.environ["WORKSHOP_HUB_IDLE_SECONDS"])
look = min(300, idle) or 300  # seconds between two looks; servers look once a minute

# Kernels are forked from a process that has the imports done: ready at once, and small.
c.Spawner.args = [
    f"--MappingKernelManager.cull_idle_timeout={idle}",
    f"--MappingKernelManager.cull_interval={look}",
    f"--TerminalManager.cull_inactive_timeout={idle}",
    f"--TerminalManager.cull_interval={look}",
    f"--ServerApp.shutdown_no_activity_timeout={idle}",
    "--ServerApp.jpserver_extensions={'workshop.server_extension': True}",
    "--KernelManager.transport_encryption=auto",  # else whoever is on this computer could listen to a kernel
]
c.Spawner.environment = {"JUPYTER_DEFAULT_PROVISIONER_NAME": "warm-provisioner"}

# A class is over when it is over.
c.JupyterHub.cleanup_servers = True
c.JupyterHub.cleanup_proxy = True
