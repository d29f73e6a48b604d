# For compose-test on a machine that reaches no image registry: Debian's packages in the shape of the official images.
ARG BASE_IMAGE
FROM ${BASE_IMAGE} AS packages
WORKDIR /unpacked
# Unpacked and not installed: as packages, Prometheus and Alertmanager bring fonts, scripts and services that nobody needs here.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends busybox redis-server >/dev/null 2>&1 \
 && apt-get download -qq prometheus prometheus-alertmanager \
 && for package in *.deb; do dpkg -x "$package" .; done \
 && mv usr/bin/prometheus /bin/prometheus && mv usr/bin/prometheus-alertmanager /bin/alertmanager \
 && cp -r usr/share/prometheus /usr/share/ \
 && ln -s /bin/busybox /usr/local/bin/wget \
 && install -d -o nobody -g nogroup /prometheus /alertmanager /etc/alertmanager \
 && rm -rf /unpacked/* /var/lib/apt/lists/*

FROM packages AS prometheus
USER nobody
WORKDIR /prometheus
ENTRYPOINT ["/bin/prometheus"]

FROM packages AS alertmanager
USER nobody
WORKDIR /alertmanager
ENTRYPOINT ["/bin/alertmanager"]

FROM packages AS redis
WORKDIR /tmp
