# The way from the HTTP API to the containers of http: a VPC link, and a load balancer in the private subnets that knows within seconds which of
# them are ready. Nothing of it has a public address.

resource "aws_apigatewayv2_vpc_link" "cell" {
  count              = local.in_fargate ? 1 : 0
  name               = local.id
  subnet_ids         = values(aws_subnet.private)[*].id
  security_group_ids = [aws_security_group.link[0].id]
  tags               = local.tags
}

resource "aws_lb" "cell" {
  count              = local.in_fargate ? 1 : 0
  name               = local.id
  internal           = true
  load_balancer_type = "application"
  subnets            = values(aws_subnet.private)[*].id
  security_groups    = [aws_security_group.balancer[0].id]
  # Shorter than the server keeps a connection, so that none is used that closes.
  idle_timeout = 60
  # The API itself refuses what it does not take, as it does behind a function.
  drop_invalid_header_fields = false
  tags                       = local.tags
}

resource "aws_lb_target_group" "http" {
  count       = local.in_fargate ? 1 : 0
  name        = local.id
  vpc_id      = aws_vpc.cell[0].id
  target_type = "ip"
  protocol    = "HTTP"
  port        = local.container_ports.http
  # As long as a request may take.
  deregistration_delay = var.topology.http.timeoutSeconds
  tags                 = local.tags

  health_check {
    path              = "/readyz"
    port              = tostring(local.container_ports.health)
    protocol          = "HTTP"
    matcher           = "200"
    interval          = 5
    timeout           = 4
    healthy_threshold = 2
    # ECS ends what is unhealthy: a container that is busy must not be taken for one that hangs.
    unhealthy_threshold = 6
  }
}

# From API Gateway on, a request does not leave the cell's network.
resource "aws_lb_listener" "http" {
  count             = local.in_fargate ? 1 : 0
  load_balancer_arn = aws_lb.cell[0].arn
  port              = 80
  protocol          = "HTTP"
  tags              = local.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.http[0].arn
  }
}

resource "aws_security_group" "link" {
  count       = local.in_fargate ? 1 : 0
  name        = "${local.id}-link"
  description = "The HTTP API's way in: to the load balancer, nothing else."
  vpc_id      = aws_vpc.cell[0].id
  tags        = local.tags
}

resource "aws_security_group" "balancer" {
  count       = local.in_fargate ? 1 : 0
  name        = "${local.id}-balancer"
  description = "The load balancer: from the HTTP API, to the containers of http."
  vpc_id      = aws_vpc.cell[0].id
  tags        = local.tags
}

resource "aws_vpc_security_group_egress_rule" "link" {
  count                        = local.in_fargate ? 1 : 0
  security_group_id            = aws_security_group.link[0].id
  referenced_security_group_id = aws_security_group.balancer[0].id
  ip_protocol                  = "tcp"
  from_port                    = 80
  to_port                      = 80
  description                  = "Load balancer"
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  count                        = local.in_fargate ? 1 : 0
  security_group_id            = aws_security_group.balancer[0].id
  referenced_security_group_id = aws_security_group.link[0].id
  ip_protocol                  = "tcp"
  from_port                    = 80
  to_port                      = 80
  description                  = "HTTP API"
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  for_each                     = { for name, port in local.container_ports : name => port if local.in_fargate }
  security_group_id            = aws_security_group.balancer[0].id
  referenced_security_group_id = aws_security_group.functions[0].id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
  description                  = "Containers: ${each.key}"
}

resource "aws_vpc_security_group_ingress_rule" "containers" {
  for_each                     = { for name, port in local.container_ports : name => port if local.in_fargate }
  security_group_id            = aws_security_group.functions[0].id
  referenced_security_group_id = aws_security_group.balancer[0].id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
  description                  = "Load balancer: ${each.key}"
}
