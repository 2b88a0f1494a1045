# The HTTP API in front of the function http, or of its containers. Access logs name requests; bodies and headers are never logged.

resource "aws_apigatewayv2_api" "http" {
  count                        = local.in_cluster ? 0 : 1
  name                         = local.id
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = var.cell.domain != null
  tags                         = local.tags
}

resource "aws_apigatewayv2_integration" "http" {
  count                  = local.in_cluster ? 0 : 1
  api_id                 = aws_apigatewayv2_api.http[0].id
  integration_type       = local.in_functions ? "AWS_PROXY" : "HTTP_PROXY"
  integration_method     = local.in_functions ? null : "ANY"
  integration_uri        = local.in_functions ? aws_lambda_alias.live["http"].invoke_arn : aws_lb_listener.http[0].arn
  connection_type        = local.in_functions ? null : "VPC_LINK"
  connection_id          = local.in_functions ? null : aws_apigatewayv2_vpc_link.cell[0].id
  payload_format_version = local.in_functions ? "2.0" : "1.0"
  # The function answers first: at its own timeout rather than at the API's.
  timeout_milliseconds = min(30000, var.topology.http.timeoutSeconds * 1000 + 1000)
}

resource "aws_apigatewayv2_route" "all" {
  count     = local.in_cluster ? 0 : 1
  api_id    = aws_apigatewayv2_api.http[0].id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.http[0].id}"

  # AWS deletes no integration that a route names: where its type changes with the runtime, the route goes first.
  lifecycle {
    replace_triggered_by = [aws_apigatewayv2_integration.http[0].integration_type]
  }
}

resource "aws_cloudwatch_log_group" "access" {
  count             = local.in_cluster ? 0 : 1
  name              = "/aws/apigateway/${local.id}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}

resource "aws_apigatewayv2_stage" "default" {
  count       = local.in_cluster ? 0 : 1
  api_id      = aws_apigatewayv2_api.http[0].id
  name        = "$default"
  auto_deploy = true
  tags        = local.tags

  default_route_settings {
    throttling_rate_limit    = var.options.throttling_rate
    throttling_burst_limit   = var.options.throttling_burst
    detailed_metrics_enabled = true
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access[0].arn
    format = jsonencode({
      requestId          = "$context.requestId"
      time               = "$context.requestTime"
      method             = "$context.httpMethod"
      path               = "$context.path"
      status             = "$context.status"
      responseLength     = "$context.responseLength"
      responseLatency    = "$context.responseLatency"
      integrationStatus  = "$context.integrationStatus"
      integrationLatency = "$context.integrationLatency"
      integrationError   = "$context.integrationErrorMessage"
    })
  }
}

resource "aws_lambda_permission" "http" {
  count         = local.in_functions ? 1 : 0
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["http"].function_name
  qualifier     = aws_lambda_alias.live["http"].name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.http[0].execution_arn}/*/*"
}

resource "aws_apigatewayv2_domain_name" "cell" {
  count       = var.cell.domain == null ? 0 : 1
  domain_name = var.cell.domain
  tags        = local.tags

  domain_name_configuration {
    certificate_arn = var.options.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "cell" {
  count       = var.cell.domain == null ? 0 : 1
  api_id      = aws_apigatewayv2_api.http[0].id
  domain_name = aws_apigatewayv2_domain_name.cell[0].id
  stage       = aws_apigatewayv2_stage.default[0].id
}
