# For compose-test: Debian's systemd as the first process of a container, with polkit and our rule for it. Nothing is started
# but what a test asks for.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends systemd dbus polkitd >/dev/null 2>&1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system prunella \
 && printf '[Unit]\nDescription=Nothing\nDefaultDependencies=no\n' >/etc/systemd/system/nothing.target
COPY 50-prunella.rules /etc/polkit-1/rules.d/
CMD ["/lib/systemd/systemd", "--unit=nothing.target"]
